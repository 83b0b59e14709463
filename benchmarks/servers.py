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
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import charts, fleet, processes, report, wsgi
from benchmarks.harness.peers import CONSTANTS, Peer, installed_peers, variant, versions_of
from benchmarks.harness.report import Table, figure
from benchmarks.harness.timing import Key, Samples
from benchmarks.harness.wsgi import HUGE, MIB, SIZES, content_of, write_file

_CHOSEN = (
    *("constant", "constant-stat", "wsgistatic", "wsgistatic-ttl"),
    *("whitenoise", "werkzeug", "webob"),
)
_FILES = {
    **{"1k": ("1 KiB", wsgi.SMALL), "64k": ("64 KiB", wsgi.MIDDLE), "1m": ("1 MiB", wsgi.MEDIUM)},
    **{"16m": ("16 MiB", wsgi.LARGE), "100m": ("100 MiB", HUGE)},
}
_FOR_HUGE = ("nginx", "gunicorn", "cheroot")  # the servers that the largest file is measured under
_SMALL_ONLY = ("constant", "constant-stat", "wsgistatic-ttl")  # larger files are not cached
_BLOCKS = {
    (name := f"{kib}k{suffix}"): variant(name, block_size=kib * 1024, file_wrapper=suffix != "")
    for kib in (16, 32, 64, 128, 256, 512, 1024)
    for suffix in ("", "-wrapper")
}
_WRAPPED = variant("wsgistatic file_wrapper", file_wrapper=True)
_TITLE = "Requests/s or MB/s under each server (in brackets: processor time of the server)"
_NOTE = "Longer is better; bars of nginx may be cut off. {python}, {cpu}."
_OFC = "rate/nginx+ofc"
_BUSY = "Other programs are at work on this machine: trust the CPU columns, not the rates."


def _is_large(file: str) -> bool:
    return SIZES[file] > MIB  # wrk, which reads 8 KB at a time, would be slower than the servers


def _load(file: str, seconds: int, downloads: int) -> Callable[[fleet.Running], tuple[int, float]]:
    """Return the load for a file; ``downloads`` counts those of the largest one."""
    if _is_large(file):
        return partial(fleet.download, file=file, times=downloads * SIZES[HUGE] // SIZES[file])
    return partial(fleet.wrk, file=file, seconds=seconds)


def _pairs(
    file: str, servers: list[fleet.Server], peers: list[Peer]
) -> list[tuple[fleet.Server, Peer]]:
    """Return the servers and apps that are measured with a file; nginx has no app."""
    pairs = []
    for server in servers:
        if file == HUGE and server.key not in _FOR_HUGE:
            continue
        pairs += [
            (server, peer)
            for peer in ([fleet.NO_APP] if server.key.startswith("nginx") else peers)
            if not (_is_large(file) and (peer.key in _SMALL_ONLY or server.key == "nginx-cache"))
        ]
        if file == HUGE and server.key == "gunicorn":
            pairs.append((server, _WRAPPED))
    return pairs


def main() -> None:
    """Run the benchmark."""
    servers, peers = fleet.installed_servers(), installed_peers(*CONSTANTS) | _BLOCKS
    cache = servers.pop("nginx-cache", None)
    quick = "rougher figures in about two minutes for each size, without constant-stat"
    choices: dict[str, Any] = {"servers": servers, "peers": peers, "sizes": _FILES}
    options = report.parse("servers", __doc__, quick, _CHOSEN, **choices)
    if not fleet.version_of("wrk"):
        raise SystemExit("wrk is needed: apt-get install wrk")
    if options.quick:
        options.peers = [peer for peer in options.peers if peer.key != "constant-stat"]
    starts, rounds, seconds, downloads = (1, 3, 1, 2) if options.quick else (3, 3, 2, 4)
    if cache and any(server.key == "nginx" for server in options.servers):
        options.servers.insert(1, cache)
    pairs = {file: _pairs(file, options.servers, options.peers) for _, file in options.sizes}
    samples = Samples()
    for file, chosen in pairs.items():
        with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
            write_file(Path(root, file), content_of(file))
            load = _load(file, seconds, downloads)
            fleet.measure(samples, file, chosen, load, root, starts, rounds)

    def median(name: str, factor: float = 1, spec: str = ".2f") -> Callable[[Key], str]:
        return lambda key: format((samples.median(key, name) or 0) * factor, spec)

    def ratio(name: str, server: str, app: str = "") -> Callable[[Key], str]:
        return lambda key: figure(samples.ratio(key, (key[0], server or key[1], app), name), "-")

    to_nginx = {f"{one}/nginx": ratio(one.lower(), "nginx") for one in ("rate", "CPU")}
    to_constant = {f"{one}/const": ratio(one.lower(), "", "constant") for one in ("rate", "CPU")}
    small = {"requests/s": median("rate", 1, ".0f"), "CPU us": median("cpu", 1e6, ".1f")}
    small |= {"busy": median("busy"), **to_constant, **to_nginx, _OFC: ratio("rate", "nginx-cache")}
    large = {"MB/s": median("rate", 1e-6, ".0f"), "CPU s/GB": median("cpu", 1e9, ".3f")}
    large |= {"busy": median("busy"), **to_nginx}

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
        columns = large if _is_large(file) else small
        return report.table(title, rows, columns, lambda key, cell: cell(key) if key else "")

    typical, worst = samples.spread("rate")
    notes = [
        f"{rounds} rounds of {seconds} s after each of {starts} starts.",
        f"The rounds' rates differ by {typical:.0%} at the median pair, {worst:.0%} at worst.",
        *([_BUSY] if typical > 0.1 else []),
        processes.choose_cores()[2],
    ]
    loads = f"keep-alive, {fleet.THREADS} connections", "one connection"
    tables = [table(file, f"{size} file, {loads[_is_large(file)]}") for size, file in options.sizes]
    versions = {one.name: one.version for one in options.servers if one is not cache}
    versions |= versions_of(options.peers) | {"wrk": fleet.version_of("wrk")}
    report.publish(options, versions, tables, samples, " ".join(notes))
    panels = []
    for size, file in options.sizes:
        for server in dict.fromkeys(server for server, peer in pairs[file] if peer.name):
            title, rows = table(file, f"{size}, {server.name} {server.version}", server)
            limit = max((float(row[1]) for row in rows if row[0].startswith("  ")), default=1) * 1.1
            beside = {row[0].strip(): f"  ({row[2]} {rows[0][2].split()[1]})" for row in rows}
            panels.append(charts.bars(title, rows, rows[0][1], beside, limit))
    charts.draw(options, _TITLE, _NOTE, panels, 10)


if __name__ == "__main__":
    report.run(main)
