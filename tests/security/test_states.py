"""A directory that changes between requests: every answer is explained by a state that it had.

The model is a table of what each name is. Without a cache, and with one that asks by a stat each
time, an answer must fit the present state; with ``stat_ttl`` one of the states within that time.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.conftest import as_ordinary_user
from tests.oracle import (
    Answer,
    File,
    Headers,
    call,
    check_answer,
    date_forms,
    learn_multipart,
    make_environ,
)
from wsgistatic import StaticFiles

# Each machine says itself what its cache is: once is enough.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

OLD = 1_700_000_000
TTL = 0.05  # seconds
LAG = 1.1  # seconds: a sidecar that came is seen by a look a second
SETTLED = 0.03  # seconds after which a version is told from the next one, and kept
BASES = ("a.txt", "b.html", "sub/c.txt")
NAMES = (*BASES, *(f"{name}.gz" for name in BASES))
TYPES = {".txt": "text/plain; charset=utf-8", ".html": "text/html; charset=utf-8",
         ".gz": "application/gzip"}  # fmt: skip
CANARY = b"canary"
# Mostly one file: what happens to it between two requests for it is what matters.
ANY_NAME = st.sampled_from((*("a.txt",) * 8, *("a.txt.gz",) * 3, *NAMES))

# Mostly of one size, which tells no version from another.
CONTENTS = st.sampled_from(
    [*(letter * 40 for letter in (b"a", b"b", b"c", b"d", b"e", b"f")), b"", b"z" * 5000,
     b"big" * 60_000]
)  # fmt: skip
RANGES = st.sampled_from(
    ["bytes=0-", "bytes=0-0", "bytes=5-9", "bytes=-7", "bytes=39-", "bytes=0-1,4-5,-1",
     "bytes=3-5,0-1", "bytes=0-9,5-20", "bytes=100000-100010,7-8", "bytes=x", "bytes=999999-"]
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A regular file, or where ``target`` is given a link."""

    data: bytes = b""
    mtime: int = 0
    readable: bool = True
    target: str | None = None


State = dict[str, Node]


def find(state: State, name: str) -> Node | None:
    """Follow links; None where they lead nowhere or outside."""
    for _ in range(10):
        node = state.get(name)
        if node is None or node.target is None:
            return node
        name = os.path.normpath(os.path.join(os.path.dirname(name), node.target))
    return None


class ChangingDirectory(RuleBasedStateMachine):
    options: ClassVar[dict[str, Any]]
    ttl: ClassVar[float] = 0.0
    lag: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp())
        self.top.chmod(0o755)
        self.root = self.top / "site"
        (self.root / "sub").mkdir(parents=True)
        (self.top / "outside.txt").write_bytes(CANARY)
        self.state: State = {}
        self.past: list[tuple[float, State]] = []  # each with the time of its end
        self.sidecars_changed = 0.0
        self.clock = OLD
        self.tags: dict[str, bytes] = {}
        self.app = StaticFiles(None, self.root, **self.options)
        (self.root / "learn.txt").write_bytes(b"0123456789")
        learn_multipart(self.app, "/learn.txt", 10)

    def teardown(self) -> None:
        shutil.rmtree(self.top)

    def became(self, name: str, node: Node | None) -> None:
        self.past.append((time.monotonic(), dict(self.state)))
        if node is None:
            del self.state[name]
        else:
            self.state[name] = node
        # A link may be the sidecar's target as well.
        self.sidecars_changed = time.monotonic()

    def set_time(self, path: Path) -> int:
        self.clock += 1
        os.utime(path, (OLD, self.clock))
        return self.clock

    # ---- what happens to files

    @rule(name=ANY_NAME, data=CONTENTS)
    def write_in_place(self, name: str, data: bytes) -> None:
        node = self.state.get(name)
        path = self.root / name
        if node is not None and node.target is not None:
            path.unlink()
            node = None
        path.write_bytes(data)
        self.became(name, Node(data, self.set_time(path), node is None or node.readable))

    @rule(name=ANY_NAME, data=CONTENTS)
    def replace(self, name: str, data: bytes) -> None:
        new = self.top / "new"
        new.write_bytes(data)
        mtime = self.set_time(new)
        new.replace(self.root / name)
        self.became(name, Node(data, mtime))

    @rule(name=st.sampled_from((*("a.txt",) * 3, *BASES)))
    def write_sidecar(self, name: str) -> None:
        node = find(self.state, name)
        if node is not None:
            self.replace(f"{name}.gz", gzip.compress(node.data, mtime=0))

    @rule(name=ANY_NAME, size=st.integers(0, 50))
    def truncate(self, name: str, size: int) -> None:
        node = self.state.get(name)
        if node is not None and node.target is None:
            os.truncate(self.root / name, size)
            data = node.data[:size].ljust(size, b"\0")
            self.became(name, Node(data, self.set_time(self.root / name), node.readable))

    @rule(old=ANY_NAME, new=ANY_NAME)
    def rename(self, old: str, new: str) -> None:
        if old in self.state and old != new:
            (self.root / old).replace(self.root / new)
            self.became(new, self.state[old])
            del self.state[old]

    @rule(name=ANY_NAME)
    def remove(self, name: str) -> None:
        if name in self.state:
            (self.root / name).unlink()
            self.became(name, None)

    @rule(name=ANY_NAME, readable=st.booleans())
    def change_mode(self, name: str, readable: bool) -> None:
        node = self.state.get(name)
        if node is not None and node.target is None:
            (self.root / name).chmod(0o644 if readable else 0)
            self.became(name, Node(node.data, node.mtime, readable))

    @rule(name=ANY_NAME, goal=st.sampled_from((*NAMES, "out", "nowhere")))
    def link(self, name: str, goal: str) -> None:
        up = "../" * name.count("/")
        new = self.top / "new"
        new.symlink_to(up + ("../outside.txt" if goal == "out" else goal))
        new.replace(self.root / name)
        self.became(name, Node(target=up + goal))

    # ---- what is asked

    def representations(self, state: State, name: str, accepted: bool) -> list[File | int]:
        """Give what may be sent of a state: a file's bytes, or a status."""
        node = find(state, name)
        if node is None:
            return [404]
        if not node.readable:
            return [403]
        own = File(node.data, node.mtime, tag(node, ""))
        sidecar = find(state, f"{name}.gz") if accepted else None
        coded: list[File | int] = []
        if sidecar is not None and sidecar.readable and sidecar.mtime >= node.mtime:
            coded = [File(sidecar.data, sidecar.mtime, tag(sidecar, "-gzip"))]
        lagging = self.lag and time.monotonic() - self.sidecars_changed < self.lag
        return [*coded, own] if not coded or lagging else coded

    @precondition(lambda self: self.state)
    @rule(
        name=ANY_NAME,
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        accepted=st.booleans(),
        pause=st.sampled_from([0.0, SETTLED, SETTLED, TTL + SETTLED]),
        ranges=st.none() | st.none() | RANGES,
        condition=st.sampled_from(
            [None, None, None, None, "If-None-Match", "If-Match", "If-Range", "If-Modified-Since",
             "If-Unmodified-Since"]
        ),
        data=st.data(),
    )  # fmt: skip
    def ask(
        self,
        name: str,
        method: str,
        accepted: bool,
        pause: float,
        ranges: str | None,
        condition: str | None,
        data: st.DataObject,
    ) -> None:
        headers: Headers = {}
        if ranges is not None:
            headers["Range"] = ranges
        if condition is not None:
            dates = [date_forms(n.mtime)[0] for n in self.state.values() if n.target is None]
            tags = [*self.tags, '"other"'][-8:]
            offered = dates if condition.endswith("Since") else [*tags, *dates]
            if condition in ("If-Match", "If-None-Match"):
                offered = [*tags, "*", ", ".join(tags)]
            headers[condition] = data.draw(st.sampled_from(offered or ["none"]))
        if accepted:
            headers["Accept-Encoding"] = "gzip"
        time.sleep(pause)
        for _ in range(2):  # the second may be a hit of what the first one kept
            self.ask_once(name, method, headers)

    @rule(name=ANY_NAME, accepted=st.booleans())
    def ask_plainly(self, name: str, accepted: bool) -> None:
        headers = {"Accept-Encoding": "gzip"} if accepted else {}
        self.ask_once(name, "GET", headers)
        time.sleep(SETTLED)
        self.ask_once(name, "GET", headers)
        self.ask_once(name, "GET", headers)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accepted=st.booleans(), data=CONTENTS)
    def ask_and_change_and_ask(self, accepted: bool, data: bytes) -> None:
        self.ask_plainly("a.txt", accepted)
        self.write_in_place("a.txt", data)
        self.ask_plainly("a.txt", accepted)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accepted=st.booleans(), readable=st.booleans())
    def ask_and_close_and_ask(self, accepted: bool, readable: bool) -> None:
        self.ask_plainly("a.txt", accepted)
        self.change_mode("a.txt", readable)
        self.ask_plainly("a.txt", accepted)

    def ask_once(self, name: str, method: str, headers: Headers) -> None:
        began = time.monotonic()
        with as_ordinary_user():
            answer = call(self.app, make_environ(f"/{name}", method, headers))
        assert CANARY not in answer.body
        accepted = "Accept-Encoding" in headers
        states = [s for end, s in self.past if self.ttl and end >= began - self.ttl - 0.01]
        allowed = [
            r for s in [*states, self.state] for r in self.representations(s, name, accepted)
        ]
        explained = [r for r in allowed if self.explains(r, answer, name, method, headers)]
        assert explained, (answer, allowed)
        etag = answer.fields.get("etag")
        for wanted in explained:
            if isinstance(wanted, File) and wanted.etag == etag:
                # A strong tag is of one version of one representation for ever.
                assert self.tags.setdefault(etag, wanted.data) == wanted.data

    def explains(
        self, wanted: File | int, answer: Answer, name: str, method: str, headers: Headers
    ) -> bool:
        if isinstance(wanted, int):
            return answer.status == wanted
        fields = {
            "Content-Type": TYPES[os.path.splitext(name)[1]],
            "Content-Length": str(len(wanted.data)),
            "Accept-Ranges": "bytes",
            "ETag": wanted.etag,
            "Last-Modified": date_forms(wanted.mtime)[0],
            "Cache-Control": "public, max-age=60",
            "X-Content-Type-Options": "nosniff",
        }
        if wanted.etag.endswith('-gzip"'):
            fields["Content-Encoding"] = "gzip"
        # Whether there are other codings is known by a look a second: Vary may come late.
        varies = [field for field in answer.headers if field[0] != "Vary"]
        same = Answer(answer.status, varies, answer.blocks, answer.sized)
        try:
            check_answer(same, Answer(200, list(fields.items()), [], True), wanted, method, headers)
        except AssertionError:
            return False
        return True


def tag(node: Node, coding: str) -> str:
    return f'"{node.mtime * 10**9:x}-{len(node.data):x}{coding}"'


class Uncached(ChangingDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 0, "stat_ttl": 0.0}


class Cached(ChangingDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": 0.0}
    lag: ClassVar[float] = LAG


class Trusting(ChangingDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": TTL}
    ttl: ClassVar[float] = TTL
    lag: ClassVar[float] = LAG


SETTINGS = settings(max_examples=30, stateful_step_count=40)
MACHINES = [Uncached, Cached, Trusting]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_every_answer_is_explained_by_a_state(machine: type[ChangingDirectory]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=SETTINGS)
