"""Requests/s, MB/s and processor time of servers with each static app, compared with nginx.

One server process is at work at a time, on a core of its own; the load is on another. The pairs
of server and app take turns, in another order each round; medians of the rounds, and of the ratios
within each. CPU: user and system time of all processes of the server. rate/const: ratio to an app
that returns a constant under the same server; +ofc: nginx with open_file_cache. The peers such as
64k are wsgistatic with that block size, and 64k-wrapper also with file_wrapper=True.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import charts, fleet, processes, report
from benchmarks.harness.peers import CONSTANTS, Peer, installed_peers, variant, versions_of
from benchmarks.harness.report import Table, figure
from benchmarks.harness.timing import Key, Samples
from benchmarks.harness.wsgi import HUGE, SMALL, content_of, write_file

_CHOSEN = (
    *("constant", "constant-stat", "wsgistatic", "wsgistatic-ttl"),
    *("whitenoise", "werkzeug", "webob"),
)
_LARGE = ("nginx", "gunicorn", "cheroot")  # the servers that the large file is measured under
_SMALL_ONLY = ("constant", "constant-stat", "wsgistatic-ttl")  # large files are not cached
_BLOCKS = {
    (name := f"{kib}k{suffix}"): variant(name, block_size=kib * 1024, file_wrapper=suffix != "")
    for kib in (16, 32, 64, 128, 256, 512, 1024)
    for suffix in ("", "-wrapper")
}
_WRAPPED = variant("wsgistatic file_wrapper", file_wrapper=True)
_BUSY = "Other programs are at work on this machine: trust the CPU columns, not the rates."


def main() -> None:
    """Run the benchmark."""
    servers, peers = fleet.installed_servers(), installed_peers(*CONSTANTS) | _BLOCKS
    cache = servers.pop("nginx-cache", None)
    quick = "rougher figures in about two minutes, without constant-stat"
    options = report.parse("servers", __doc__, quick, _CHOSEN, servers=servers, peers=peers)
    if not fleet.version_of("wrk"):
        raise SystemExit("wrk is needed: apt-get install wrk")
    if options.quick:
        options.peers = [peer for peer in options.peers if peer.key != "constant-stat"]
    starts, rounds, seconds, downloads = (1, 3, 1, 2) if options.quick else (3, 3, 2, 4)
    pairs: dict[str, list[tuple[fleet.Server, Peer]]] = {SMALL: [], HUGE: []}
    for server in options.servers:
        for peer in [fleet.NO_APP] if server.key == "nginx" else options.peers:
            pairs[SMALL].append((server, peer))
            if server.key in _LARGE and peer.key not in _SMALL_ONLY:
                pairs[HUGE].append((server, peer))
            if server.key == "gunicorn" and peer.key == "wsgistatic":
                pairs[HUGE].append((server, _WRAPPED))
        if server.key == "nginx" and cache:
            pairs[SMALL].append((cache, fleet.NO_APP))
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        for file, load in (
            (SMALL, lambda running: fleet.wrk(running, SMALL, seconds)),
            (HUGE, lambda running: fleet.download(running, HUGE, downloads)),
        ):
            write_file(Path(root, file), content_of(file))
            fleet.measure(samples, file, pairs[file], load, root, starts, rounds)

    def median(name: str, factor: float = 1, spec: str = ".2f") -> Callable[[Key], str]:
        return lambda key: format((samples.median(key, name) or 0) * factor, spec)

    def ratio(name: str, server: str, app: str = "") -> Callable[[Key], str]:
        return lambda key: figure(samples.ratio(key, (key[0], server or key[1], app), name), "-")

    to_nginx = {"rate/nginx": ratio("rate", "nginx"), "CPU/nginx": ratio("cpu", "nginx")}
    columns = {
        SMALL: {
            "requests/s": median("rate", 1, ".0f"),
            "CPU us": median("cpu", 1e6, ".1f"),
            "busy": median("busy"),
            "rate/const": ratio("rate", "", "constant"),
            "CPU/const": ratio("cpu", "", "constant"),
            **to_nginx,
            "rate/nginx+ofc": ratio("rate", "nginx-cache"),
        },
        HUGE: {
            "MB/s": median("rate", 1e-6, ".0f"),
            "CPU s/GB": median("cpu", 1e9, ".3f"),
            "busy": median("busy"),
            **to_nginx,
        },
    }

    def table(file: str, title: str, only: fleet.Server | None = None) -> Table:
        """Return a table of nginx and of the servers, or only one, above their apps."""
        rows: list[tuple[str, Key]] = []
        for server, peer in pairs[file]:
            key = (file, server.key, peer.key)
            if key in samples.failed or (only not in (None, server) and peer != fleet.NO_APP):
                continue
            if peer != fleet.NO_APP and (server.name, ()) not in rows:
                rows.append((server.name, ()))
            rows.append((f"  {peer.name}" if peer.name else server.name, key))
        return report.table(title, rows, columns[file], lambda key, cell: cell(key) if key else "")

    typical, worst = samples.spread("rate")
    notes = [
        f"{rounds} rounds of {seconds} s after each of {starts} starts.",
        f"The rounds' rates differ by {typical:.0%} at the median pair, {worst:.0%} at worst.",
        *([_BUSY] if typical > 0.1 else []),
        processes.choose_cores()[2],
    ]
    tables = [
        table(SMALL, f"1 KiB file, keep-alive, {fleet.THREADS} connections"),
        table(HUGE, "100 MiB file, one connection"),
    ]
    versions = {server.name: server.version for server in options.servers}
    versions |= {**versions_of(options.peers), "wrk": fleet.version_of("wrk")}
    report.publish(options, versions, tables, samples, " ".join(notes))
    panels = []
    for file, size, unit in ((SMALL, "1 KiB", "us"), (HUGE, "100 MiB", "s/GB")):
        for server in dict.fromkeys(server for server, peer in pairs[file] if peer.name):
            title, rows = table(file, f"{size}, {server.name} {server.version}", server)
            rates = [float(row[1]) for row in rows if row[0].startswith("  ")]
            beside = {row[0].strip(): f"  ({row[2]} {unit})" for row in rows}
            limit = max(rates, default=1) * 1.1
            panels.append(charts.bars(title, rows, rows[0][1], beside, limit))
    title = "Requests/s or MB/s under each server (in brackets: processor time of the server)"
    note = "Longer is better; bars of nginx may be cut off. {python}, {cpu}."
    charts.draw(options, title, note, panels, 10)


if __name__ == "__main__":
    report.run(main)
