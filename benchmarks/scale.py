"""How the cost of each installed static app grows with files, responses and size.

Each action runs twice, each time in a fresh interpreter on one core: once for its processor time,
and once under tracemalloc for the memory of Python objects. No server. Files of 1 KiB.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.harness import charts, report
from benchmarks.harness.peers import Peer, installed_peers, versions_of
from benchmarks.harness.report import figure
from benchmarks.harness.timing import Samples, apart
from benchmarks.harness.wsgi import MIB, Unable, call, ignore_start, make_environ

if sys.platform != "win32":
    import resource

_CHOSEN = ("wsgistatic", "wsgistatic-ttl", "whitenoise", "whitenoise-auto", "werkzeug", "webob")
_CONTENT = b"body { color: #123456 }\n" * 42  # about 1 KiB
_FILE = "{0:04}/file-{1}.css"  # in subdirectories of 1000 files
Action = Callable[[], object]


def cost_of(task: Callable[..., Action], *arguments: Any) -> dict[str, float]:
    """Measure the action that a task prepares and returns.

    Returns:
        Milliseconds of processor time, and the MB of Python objects that are held, with the result
        of the action, and that existed at the peak.
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


def add_files(root: str, present: int, count: int) -> None:
    """Add files of 1 KiB, which are hard links to each other to save disk space, if possible."""
    first = Path()
    for number in tqdm(range(present, count), "writing files", leave=False, disable=None):
        path = Path(root, _FILE.format(number // 1000, number))
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


def _request_each(peer: Peer, root: str, pattern: str, count: int, status: int) -> Action:
    """Request many files, each once."""
    app = peer.build(root)
    call(app, make_environ(peer.prefix + _FILE.format(0, 0)))

    def act() -> object:
        for number in range(count):
            name = pattern.format(number // 1000, number)
            call(app, make_environ(peer.prefix + name)).expect(status)
        return app

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


def _measure(samples: Samples, peers: list[Peer], counts: list[int], requests: int) -> None:
    def measure(action: str, task: Callable[..., Action], *arguments: Any) -> None:
        for peer in tqdm(peers, action, leave=False, disable=None):
            try:
                samples.add(action, peer.key, **cost_of(task, peer, *arguments))
            except Unable as reason:
                samples.fail(action, peer.key, reason=reason)

    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        for present, count in zip([0, *counts], counts, strict=False):
            add_files(root, present, count)
            measure(f"start:{count}", start, root)
        measure("files", _request_each, root, _FILE, requests, 200)
        measure("misses", _request_each, root, "0000/missing-{1}.css", requests, 404)
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        for name, size in (("long.bin", 50 * MIB), ("huge.bin", 1024 * MIB), ("small.bin", MIB)):
            with open(os.path.join(root, name), "wb") as file:
                file.truncate(size)  # a sparse file, which takes no disk space
        measure("responses", _read_responses, root, "long.bin", 500, MIB)
        measure("read", _read_responses, root, "huge.bin", 1, 1024 * MIB)


def main() -> None:
    """Run the benchmark."""
    options = report.parse("scale", __doc__, "fewer files", _CHOSEN, peers=installed_peers())
    peers: list[Peer] = options.peers
    counts, samples = [0, 1000, 20_000] + [200_000] * (not options.quick), Samples()
    _measure(samples, peers, counts, counts[-1])

    def cost(peer: Peer, column: tuple[str, str]) -> str:
        return figure(samples.median((column[0], peer.key), column[1]))

    rows, many = [(peer.name, peer) for peer in peers], f"{counts[-1]:,}"
    memory = {
        "500 open, MB": ("responses", "held"),  # 1 MiB of each has been read
        f"{many} files, MB": ("files", "held"),
        f"{many} misses, MB": ("misses", "held"),
        "1 GiB, peak MB": ("read", "peak"),
        "1 GiB, ms": ("read", "ms"),
    }
    tables = []
    for title, unit in (("Milliseconds to start", "ms"), ("MB of memory after the start", "held")):
        columns = {f"{count:,}": (f"start:{count}", unit) for count in counts}
        tables.append(report.table(f"{title}, by number of files", rows, columns, cost))
    tables.append(report.table("MB of memory held, or at the peak", rows, memory, cost))
    report.publish(options, versions_of(peers), tables, samples)
    panels = [charts.bars(f"{title}: {one[0][-1]}", one, one[0][-1]) for title, one in tables[:2]]
    panels += [charts.bars(head, tables[2][1], head) for head in memory]
    note = "Shorter is better. {python}, {cpu}, one core, no server."
    charts.draw(options, "Growth with files, responses and size", note, panels, len(peers))


if __name__ == "__main__":
    report.run(main)
