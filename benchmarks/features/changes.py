"""Probes: files that change while the app runs, and the app's start."""

from __future__ import annotations

import os
import tempfile

from benchmarks.apart import cost_of
from benchmarks.features.bench import NAME, TEXT, Bench, Feature, is_missed, need, status_of
from benchmarks.features.contenders import Contender, contenders
from benchmarks.peers import Peer
from benchmarks.scale.files import add_files
from benchmarks.scale.tasks import start

_FILES = 10_000
_SECOND = 1_700_000_000_000_000_000  # nanoseconds


def _changed(bench: Bench) -> None:
    bench.start()
    bench.write(NAME, TEXT * 2, age=3600)
    bench.serve(content=TEXT * 2)


def _new(bench: Bench) -> None:
    bench.start()
    bench.write("css/new.css")
    bench.serve("css/new.css")


def _deleted(bench: Bench) -> None:
    bench.start()
    (bench.root / NAME).unlink()
    need(is_missed(bench.ask()), f"status {status_of(bench.ask())}")


def _same_second(bench: Bench) -> None:
    """Ask for a file, and for what replaced it after a restart, as a deploy does."""
    tags = []
    for content, moment in ((b"a" * 100, 200_000_000), (b"b" * 100, 700_000_000)):
        path = bench.write(NAME, content)
        os.utime(path, ns=(_SECOND + moment, _SECOND + moment))
        bench.build()
        tags.append(bench.serve(content=content).headers.get("etag"))
    need(tags[0], "sends no ETag")
    need(tags[0] != tags[1], "the same ETag for both")


def _same_content(bench: Bench) -> None:
    bench.start("content")
    first = bench.serve().headers.get("etag")
    need(first, "sends no ETag")
    bench.write(NAME, age=7200)
    bench.build("content")
    need(bench.serve().headers.get("etag") == first, "another ETag for the same bytes")


def _rewritten(bench: Bench) -> None:
    size = 8 * 1024 * 1024
    path = bench.write("big.bin", b"a" * size)
    bench.build()
    started: list[str] = []
    body = bench.app(bench.environ("big.bin"), lambda status, *_: started.append(status))
    try:
        blocks = iter(body)
        got = next(blocks)
        with open(path, "r+b") as file:
            file.write(b"b" * size)
        try:
            got += b"".join(blocks)
        except Exception:
            return  # the connection ends short of the length: the client sees it
    finally:
        if hasattr(body, "close"):
            body.close()
    need(len(got) < size or len(set(got)) == 1, "two versions in one answer of full length")


def _start(bench: Bench) -> str:
    with tempfile.TemporaryDirectory() as root:
        add_files(root, 0, _FILES)
        peer = Peer("", "", "", Builder(bench.contender.key))
        cost = cost_of(start, peer, root)
    return f"{cost.cpu_s * 1000:.0f} ms, {cost.held / 1e6:.1f} MB"


class Builder:
    """Builds a contender's app, in another process too."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, directory: str) -> object:
        """Build it over a directory."""
        return _contender(self._key).build([directory], {})


def _contender(key: str) -> Contender:
    return next(one for one in contenders() if one.key == key)


FEATURES = (
    Feature("changed", "changed file served at the next request", _changed),
    Feature("new", "new file served at the next request", _new),
    Feature("deleted", "deleted file gone at the next request", _deleted),
    Feature("rewritten", "never mixes two versions of a file", _rewritten),
    Feature("same-second", "ETag differs for same second, same size", _same_second),
    Feature("same-content", "ETag from the content (option)", _same_content),
    Feature("start", "start with 10 000 files: time, memory", _start, is_measured=True),
)
