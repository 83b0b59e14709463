"""Processor time per request of each installed static app, without a server.

User and system time, including the harness. Each process is a fresh interpreter on one core. It
builds every peer, checks every response, and times the correct ones in turn. A figure is the first
quartile of the rounds, and the median of the processes. There is no garbage collection while a
request is timed, and no ``wsgi.file_wrapper``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import charts, report, wsgi
from benchmarks.harness.peers import INNER_MARK, Peer, inner_app, installed_peers, versions_of
from benchmarks.harness.report import figure
from benchmarks.harness.timing import Cell, Key, Samples, apart, time_cells
from benchmarks.harness.wsgi import Environ, Reply, call, content_of, make_environ, need

_REFERENCE = "whitenoise"


class _Client(NamedTuple):
    app: Any
    prefix: str

    def get(self, name: str, method: str = "GET", **fields: str) -> tuple[Environ, Reply]:
        environ = make_environ(self.prefix + name, method, **fields)
        return environ, call(self.app, environ)


# Each of the next functions checks the responses of a peer, and returns the environ to time.


def _whole(name: str, client: _Client) -> Environ:
    environ, reply = client.get(name)
    reply.expect(200, body=content_of(name))
    return environ


def _unchanged(validator: str, field: str, client: _Client) -> Environ:
    _, whole = client.get(wsgi.SMALL)
    value = whole.expect(200, body=content_of(wsgi.SMALL)).get(validator)
    need(value, f"sends no {validator}")
    environ, reply = client.get(wsgi.SMALL, **{field: value})
    need(not reply.expect(304).body, "sends a body with a 304")
    need(reply.get("Content-Length") in ("", whole.get("Content-Length")), "another Content-Length")
    need(reply.get("ETag") == whole.get("ETag"), "304 without its ETag")
    return environ


def _one(client: _Client) -> Environ:
    start, stop = 5_000_001, 5_000_001 + 64 * 1024
    environ, reply = client.get(wsgi.BIG, HTTP_RANGE=f"bytes={start}-{stop - 1}")
    reply.expect(206, body=content_of(wsgi.BIG)[start:stop])
    where = f"bytes {start}-{stop - 1}/{wsgi.SIZES[wsgi.BIG]}"
    need(reply.get("Content-Range") == where, "wrong Content-Range")
    return environ


def _four(client: _Client) -> Environ:
    spans = [(start, start + 16 * 1024) for start in (1_000_001, 3_000_001, 5_000_001, 7_000_001)]
    value = ",".join(f"{start}-{stop - 1}" for start, stop in spans)
    environ, reply = client.get(wsgi.BIG, HTTP_RANGE=f"bytes={value}")
    parts = reply.expect(206, length=len(reply.body)).parts()
    need(len(parts) == len(spans), f"{len(parts)} parts for {len(spans)} ranges")
    for (head, content), (start, stop) in zip(parts, spans, strict=True):
        need(content == content_of(wsgi.BIG)[start:stop] + b"\r\n", "wrong bytes in a part")
        where = f"content-range: bytes {start}-{stop - 1}/{wsgi.SIZES[wsgi.BIG]}"
        need(where.encode() in head, "wrong Content-Range in a part")
    return environ


def _miss(client: _Client) -> Environ:
    return _outside(client, client.prefix + "css/absent.css")


def _outside(client: _Client, path: str = "/articles/42") -> Environ:
    environ = make_environ(path)
    name, value = INNER_MARK
    need(call(client.app, environ).get(name) == value, "wraps no app: its own 404")
    return environ


def _head(client: _Client) -> Environ:
    environ, reply = client.get(wsgi.SMALL, "HEAD")
    need(not reply.expect(200, length=wsgi.SIZES[wsgi.SMALL]).body, "sends a body to HEAD")
    return environ


def _sidecar(client: _Client) -> Environ:
    environ, reply = client.get(wsgi.ZIPPED, HTTP_ACCEPT_ENCODING="gzip")
    need(reply.get("Content-Encoding") == "gzip", "sends the file without content coding")
    reply.expect(200, body=content_of(f"{wsgi.ZIPPED}.gz"))
    need("accept-encoding" in reply.get("Vary").lower(), "no Vary: Accept-Encoding")
    return environ


class _Scenario(NamedTuple):
    key: str
    column: str
    title: str
    file: str
    prepare: Callable[[_Client], Environ]
    base: str = ""  # the scenario of WhiteNoise's to compare with, if not this one


_BY_TAG = partial(_unchanged, "ETag", "HTTP_IF_NONE_MATCH")
_BY_DATE = partial(_unchanged, "Last-Modified", "HTTP_IF_MODIFIED_SINCE")
_SCENARIOS = [
    _Scenario("1k", "1 KiB", "1 KiB file", wsgi.SMALL, partial(_whole, wsgi.SMALL)),
    _Scenario("64k", "64 KiB", "64 KiB file", wsgi.MIDDLE, partial(_whole, wsgi.MIDDLE)),
    _Scenario("etag", "304 tag", "304 by If-None-Match", wsgi.SMALL, _BY_TAG),
    _Scenario("date", "304 date", "304 by If-Modified-Since", wsgi.SMALL, _BY_DATE),
    _Scenario("range", "range", "64 KiB range, 10 MiB file", wsgi.BIG, _one),
    _Scenario("ranges", "ranges", "Four 16 KiB ranges (against one)", wsgi.BIG, _four, "range"),
    _Scenario("miss", "miss", "Miss under the prefix", wsgi.SMALL, _miss),
    _Scenario("outside", "outside", "Outside the prefix", wsgi.SMALL, _outside),
    _Scenario("head", "HEAD", "HEAD", wsgi.SMALL, _head),
    _Scenario("gzip", "gzip", "Stored gzip sidecar", wsgi.ZIPPED, _sidecar),
    _Scenario("100m", "100 MiB", "100 MiB file, whole body", wsgi.HUGE, partial(_whole, wsgi.HUGE)),
]


def _measure(
    root: str, peers: list[Peer], scenarios: list[_Scenario], rounds: int, title: str
) -> Samples:
    """Build every peer, check every response and time the correct ones, in one process."""
    samples = Samples()
    cells: dict[Key, Cell] = {}
    for scenario in scenarios:
        cells["harness", scenario.key] = Cell(inner_app, make_environ(wsgi.PREFIX))
    build = lru_cache(lambda peer: peer.build(root))
    for peer, scenario in product(peers, scenarios):
        try:
            environ = scenario.prepare(_Client(build(peer), peer.prefix))
            cells[peer.key, scenario.key] = Cell(build(peer), environ)
        except Exception as error:  # a peer's fault must not stop the others
            samples.fail(peer.key, scenario.key, reason=error)
    time_cells([*cells.values()], rounds, title)
    for key, cell in cells.items():
        samples.add(*key, us=cell.us())
    return samples


def main() -> None:
    """Run the benchmark."""
    kinds = {scenario.key: scenario for scenario in _SCENARIOS}
    quick = "rougher figures in half a minute"
    options = report.parse("inprocess", __doc__, quick, peers=installed_peers(), scenarios=kinds)
    peers, scenarios = options.peers, options.scenarios
    has_reference = any(peer.key == _REFERENCE for peer in peers)
    if options.plot and not has_reference:
        raise SystemExit("--plot draws ratios to WhiteNoise, which must be installed and chosen")
    processes, rounds = (3, 9) if options.quick else (7, 40)
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        # In this order, since a sidecar that is older than its file is not used.
        for file in sorted({f"{wsgi.ZIPPED}.gz", *(scenario.file for scenario in scenarios)}):
            wsgi.write_file(Path(root, file), content_of(file))
        for number in range(1, processes + 1):
            title = f"process {number} of {processes}"
            samples.merge(apart(_measure, root, peers, scenarios, rounds, title))

    def us(peer: str, scenario: _Scenario | None) -> str:
        if scenario is not None:
            return figure(samples.median((peer, scenario.key), "us"))
        huge = samples.median((peer, "100m"), "us")
        return "-" if peer == "harness" else f"{wsgi.SIZES[wsgi.HUGE] / huge:.0f}" if huge else "no"

    def ratio(peer: str, scenario: _Scenario) -> str:
        base = (_REFERENCE, scenario.base or scenario.key)
        missing = "no" if (peer, scenario.key) in samples.failed else "-"
        return figure(samples.ratio((peer, scenario.key), base, "us"), missing)

    rows = [(peer.name, peer.key) for peer in peers]
    columns = {scenario.column: scenario for scenario in scenarios}
    speed = {"MB/s": None} if "100 MiB" in columns else {}
    every = [*rows, ("harness alone", "harness")]
    times = report.table("Microseconds per request", every, {**columns, **speed}, us)
    title = "Ratio to WhiteNoise's default mode (smaller is better; ranges: to its single range)"
    ratios = report.table(title, rows, columns, ratio)
    median, worst = samples.spread("us")
    noise = f"The processes differ by {median:.0%} at the median cell, {worst:.0%} at the worst."
    tables = [times, ratios][: 1 + has_reference]
    report.publish(options, versions_of(peers), tables, samples, noise)
    panels = []
    for place, (column, scenario) in enumerate(columns.items(), 1):
        beside = {row[0]: f"  {row[place]} \N{MICRO SIGN}s" for row in times[1]}
        panels.append(charts.bars(scenario.title, ratios[1], column, beside, ratio=True))
    title = "Processor time per request, compared with WhiteNoise's (the line at 1)"
    note = "Log scale; bars to the left of the line are cheaper. {python}, {cpu}, one core."
    charts.draw(options, title, note, panels, len(peers))


if __name__ == "__main__":
    report.run(main)
