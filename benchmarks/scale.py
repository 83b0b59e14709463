"""How the cost of each installed static app grows with files, ranges, responses and size.

Each action runs twice, each time in a fresh interpreter on one core: once for its processor time,
and once under tracemalloc for the memory of Python objects. No server, and no wsgi.file_wrapper.
Files of 1 KiB, 200 in a folder, are requested in random order.
"""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.harness import charts, report
from benchmarks.harness.peers import Peer, installed_peers, variant, versions_of
from benchmarks.harness.report import Table, figure
from benchmarks.harness.timing import Cell, Key, Samples, apart, time_cells
from benchmarks.harness.wsgi import MIB, Unable, call, ignore_start, make_environ, need

with suppress(ImportError):  # Windows does without
    import resource

_CHOSEN = ("wsgistatic", "wsgistatic-ttl", "whitenoise", "whitenoise-auto", "werkzeug", "webob")
_CONTENT = b"body { color: #123456 }\n" * 42  # about 1 KiB
_MANY = 20_000
_COUNTS = ("1", "10", "100", "200", "1000")  # of ranges
_STEP = MIB // 1000  # between ranges of the file of 1 MiB
Action = Callable[[], object]


def cost_of(task: Callable[..., Action], *arguments: Any) -> dict[str, float]:
    """Measure the action that a task prepares: milliseconds of processor time, and MB of objects.

    The objects are those held with the result of the action, and those that existed at the peak.
    """
    return {**apart(_run, task, arguments, False), **apart(_run, task, arguments, True)}


def _run(task: Callable[..., Action], arguments: tuple[Any, ...], traced: bool) -> dict[str, float]:
    action = task(*arguments)
    gc.collect()
    if traced:
        tracemalloc.start()
        _held = action()
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        return {"held": tracemalloc.get_traced_memory()[0] / MIB, "peak": peak / MIB}
    start = time.process_time()
    action()
    return {"ms": (time.process_time() - start) * 1000}


def _name(number: int, kind: str = "file") -> str:
    return f"{number // 200:04}/{kind}-{number}.css"


def add_files(root: str, present: int, count: int) -> None:
    """Add files of 1 KiB, which are hard links to each other to save disk space, if possible."""
    first = Path()
    for number in tqdm(range(present, count), "writing files", leave=False, disable=None):
        path = Path(root, _name(number))
        if path.parent == first.parent:
            with suppress(OSError):
                os.link(first, path)
                continue
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_CONTENT)
        first = path


def start(peer: Peer, root: str) -> Action:
    """Build the app over a directory."""
    with tempfile.TemporaryDirectory() as empty:
        peer.build(empty)  # imports what it needs
    return lambda: peer.build(root)


def _system_calls(root: str) -> Any:
    """Return an app that makes the file-system calls that reading a file needs, and no others."""

    def respond(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        os.stat(path := root + environ["PATH_INFO"])
        file = os.open(path, os.O_RDONLY)
        body = os.read(file, os.fstat(file).st_size)
        os.close(file)
        start_response("200 OK", [])
        return [body]

    return respond


# The table of first and later requests compares these, and WhiteNoise.
_OURS = [
    variant("wsgistatic"),
    variant("wsgistatic cache_size=0", cache_size=0),
    variant("wsgistatic, all files fit", cache_size=1024 * MIB),
]
_CALLS = Peer("calls", "stat, open, fstat, read, close", "", _system_calls, prefix="/")


def _request_each(
    peer: Peer, root: str, count: int, passes: int = 0, kind: str = "file", status: int = 200
) -> Action:
    """Request many files, each once, after so many passes over them in advance."""
    app = peer.build(root)
    call(app, make_environ(peer.prefix + _name(0)))
    paths = [peer.prefix + _name(number, kind) for number in range(count)]
    random.Random(1).shuffle(paths)
    environ, statuses = make_environ(""), set()

    def act() -> object:
        for path in paths:
            list(app({**environ, "PATH_INFO": path}, lambda line, _: statuses.add(line[:3])))
        need(statuses == {str(status)}, f"statuses {statuses}")
        return app

    for _ in range(passes):
        act()
    return act


def _read_responses(peer: Peer, root: str, name: str, count: int, size: int) -> Action:
    """Read so many bytes of each of many responses, and keep all of them open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, hard))
    with open(os.path.join(root, name), "rb", buffering=0) as file:
        while file.read(MIB):
            pass  # the first peer must not pay for reading the file into the page cache
    app = peer.build(root)
    call(app, make_environ(peer.prefix + "small.bin"))

    def act() -> object:
        held = []
        for _ in range(count):
            body = app(make_environ(peer.prefix + name), ignore_start)
            blocks, taken = iter(body), 0
            while taken < size:
                taken += len(next(blocks))
            held.append((body, blocks))
        return held

    return act


def _part(number: int) -> str:
    return f"{number * _STEP}-{number * _STEP + 9}"


# By name, the range of a number among so many of them.
_SHAPES: dict[str, Callable[[int, int], str]] = {
    "disjoint": lambda n, count: _part(n),
    "disjoint, backwards": lambda n, count: _part(count - 1 - n),
    # Alternately from the front and the back, which is the worst order to sort.
    "disjoint, zigzag": lambda n, count: _part(n // 2 if n % 2 == 0 else count - 1 - n // 2),
    "disjoint, then one over all": lambda n, count: _part(n) if n < count - 1 else f"0-{MIB - 1}",
    "adjacent": lambda n, count: f"{n * 10}-{n * 10 + 9}",
    "overlapping": lambda n, count: f"{n * 10}-{n * 10 + 19}",
    "nested": lambda n, count: f"{n}-{MIB - 1 - n}",
    "the whole file each time": lambda n, count: "0-",
    "the same byte each time": lambda n, count: "7-7",
    "growing suffixes": lambda n, count: f"-{n + 1}",
    "numbers of 100 digits": lambda n, count: f"{n:0100}-{n + 1:0100}",
    "all beyond the end": lambda n, count: f"{MIB + n}-",
}


def _time_ranges(peers: list[Peer], root: str, rounds: int) -> Samples:
    """Time requests for ranges to all peers, in turn, in one process."""
    samples, cells = Samples(), {}
    sent: dict[Key, dict[str, float]] = {}
    for peer in peers:
        ask = partial(make_environ, peer.prefix + "small.bin")
        try:
            app = peer.build(root)
            call(app, ask(HTTP_RANGE="bytes=0-9,1000-1009")).expect(206).parts()
        except Exception as reason:  # a peer's fault must not stop the others
            samples.fail("ranges", peer.key, reason=reason)
            continue
        for shape, part in _SHAPES.items():
            for count in _COUNTS:
                parts = (part(n, int(count)) for n in range(int(count)))
                environ = ask(HTTP_RANGE=f"bytes={','.join(parts)}")
                reply, key = call(app, environ), ("ranges", peer.key, shape, count)
                sent[key] = {"status": reply.status, "size": len(reply.body)}
                cells[key] = Cell(app, environ)
    time_cells([*cells.values()], rounds, "ranges")
    for key, cell in cells.items():
        samples.add(*key, us=cell.us(), **sent[key])
    return samples


def _range_table(samples: Samples, peer: Peer) -> Table:
    def text(shape: str, column: str) -> str:
        key = ("ranges", peer.key, shape)
        if column == "1000:100":
            return figure(samples.ratio((*key, "1000"), (*key, "100"), "us"))
        if column == "answers":
            ends = [samples.median((*key, count), "status") for count in ("1", "1000")]
            return " to ".join(map(figure, ends))
        return figure(samples.median((*key, column), "us"))

    keys = [key for key in samples.rounds if key[:2] == ("ranges", peer.key)]
    largest = max(samples.values(key, "size")[0] for key in keys) / MIB
    title = f"{peer.name}: microseconds by number of ranges, 1 MiB file"
    title += f"; the largest answer is {largest:.2f} times the file"
    heads = {one: one for one in (*_COUNTS, "1000:100", "answers")}
    return report.table(title, [(shape, shape) for shape in _SHAPES], heads, text)


def _measure(
    samples: Samples, peers: list[Peer], compared: list[Peer], counts: list[int], rounds: int
) -> list[Peer]:
    """Measure everything, and return the apps whose ranges were timed."""

    def measure(action: str, peers: list[Peer], task: Callable[..., Action], *rest: Any) -> None:
        for peer in tqdm(peers, action, leave=False, disable=None):
            try:
                samples.add(action, peer.key, **cost_of(task, peer, *rest))
            except Unable as reason:
                samples.fail(action, peer.key, reason=reason)

    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        for present, count in zip([0, *counts], counts, strict=False):
            add_files(root, present, count)
            measure(f"start:{count}", peers, start, root)
            if count == _MANY:
                measure("first", compared, _request_each, root, count)
                measure("second", compared, _request_each, root, count, 1)
        measure("files", peers, _request_each, root, counts[-1])
        measure("misses", peers, _request_each, root, counts[-1], 0, "missing", 404)
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        for name, size in (("long.bin", 50 * MIB), ("huge.bin", 1024 * MIB), ("small.bin", MIB)):
            with open(os.path.join(root, name), "wb") as file:
                file.truncate(size)  # a sparse file, which takes no disk space
        measure("responses", peers, _read_responses, root, "long.bin", 500, MIB)
        measure("read", peers, _read_responses, root, "huge.bin", 1, 1024 * MIB)
        ranged = [peer for peer in peers if peer.key != "wsgistatic-ttl"]  # the same code
        if any(peer.key == "wsgistatic" for peer in peers):
            ranged.insert(1, variant("wsgistatic max_ranges=1000", max_ranges=1000))
        samples.merge(apart(_time_ranges, ranged, root, rounds))
        return [peer for peer in ranged if ("ranges", peer.key) not in samples.failed]


def _request_table(samples: Samples, peers: list[Peer]) -> Table:
    def text(peer: Peer, column: str) -> str:
        action, _, base = column.partition("/")
        if base:
            return figure(samples.ratio((action, peer.key), ("second", base), "ms"), "-")
        if action != "memory":
            return figure((samples.median((action, peer.key), "ms") or 0) * 1000 / _MANY)
        held = (samples.median((one, peer.key), "held") for one in ("first", f"start:{_MANY}"))
        of_each = sum(one or 0 for one in held) * MIB / _MANY - len(_CONTENT) * (peer is _OURS[-1])
        return "-" if peer is _OURS[0] else f"{of_each:.0f}"

    columns = {"first, us": "first", "/WhiteNoise": "first/whitenoise", "second, us": "second"}
    columns |= {"second/WhiteNoise": "second/whitenoise", "bytes/file": "memory"}
    title = f"The first and the second request of each of {_MANY:,} files, compared with WhiteNoise"
    title += "'s second; memory per file beyond the content if all of it fits"
    return report.table(title, [(peer.name, peer) for peer in peers], columns, text)


def main() -> None:
    """Run the benchmark."""
    quick = "fewer files, requests and rounds: about three minutes instead of fifteen"
    options = report.parse("scale", __doc__, quick, _CHOSEN, peers=installed_peers())
    peers: list[Peer] = options.peers
    counts, samples = [0, 1000, _MANY] + [200_000] * (not options.quick), Samples()
    compared = [*_OURS, *(peer for peer in peers if peer.key == "whitenoise"), _CALLS]
    ranged = _measure(samples, peers, compared, counts, 5 if options.quick else 20)

    def cost(peer: Peer, column: tuple[str, str]) -> str:
        return figure(samples.median((column[0], peer.key), column[1]))

    rows, many = [(peer.name, peer) for peer in peers], f"{counts[-1]:,}"
    memory = {"500 open, MB": ("responses", "held")}  # 1 MiB of each has been read
    memory |= {f"{many} {kind}, MB": (kind, "held") for kind in ("files", "misses")}
    memory |= {"1 GiB, peak MB": ("read", "peak"), "1 GiB, ms": ("read", "ms")}
    tables = [_request_table(samples, compared)]
    for title, unit in (("Milliseconds to start", "ms"), ("MB of memory after the start", "held")):
        columns = {f"{count:,}": (f"start:{count}", unit) for count in counts}
        tables.append(report.table(f"{title}, by number of files", rows, columns, cost))
    tables.append(report.table("MB of memory held, or at the peak", rows, memory, cost))
    for_ranges = [_range_table(samples, peer) for peer in ranged]
    report.publish(options, versions_of(peers), [*tables, *for_ranges], samples)
    heads = ("first, us", "second, us", "bytes/file")
    panels = [charts.bars(f"{_MANY:,} files: {head}", tables[0][1], head) for head in heads]
    panels += [charts.bars(f"{one}: {rows[0][-1]}", rows, rows[0][-1]) for one, rows in tables[1:3]]
    panels += [charts.bars(head, tables[3][1], head) for head in memory]
    panels += [charts.bars(f"1000 ranges: {name[:26]}", t, "1000") for name, t in for_ranges[:2]]
    note = "Shorter is better. {python}, {cpu}, one core, no server."
    charts.draw(options, "Growth with files, ranges and size", note, panels, len(_SHAPES))


if __name__ == "__main__":
    report.run(main)
