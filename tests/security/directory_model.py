"""A directory whose files change, and a model of its state."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

OLD = 1_700_000_000
BASES = ("a.txt", "b.html", "sub/c.txt", "sub/index.html")
NAMES = (*BASES, *(f"{name}.gz" for name in BASES))
CANARY = b"canary"
# Mostly one file, because bugs show when a file changes between two requests for it.
ANY_NAME = st.sampled_from((*("a.txt",) * 8, *("a.txt.gz",) * 3, *NAMES))

# Mostly of one size, so that the size does not reveal the version.
LETTERS = [letter * 40 for letter in (b"a", b"b", b"c", b"d", b"e", b"f")]
CONTENTS = st.sampled_from([*LETTERS, b"", b"y" * 5000, b"z" * 5000, b"big" * 60_000])


@dataclass(frozen=True)
class Node:
    """A regular file, or a symbolic link if it has a ``target``."""

    data: bytes = b""
    mtime: int = 0
    readable: bool = True
    target: str | None = None


State = dict[str, Node]


def find(state: State, name: str) -> Node | None:
    """Follow symbolic links to a file; return None if they dangle or lead outside the root."""
    for _ in range(10):
        node = state.get(name)
        if node is None or node.target is None:
            return node
        name = os.path.normpath(os.path.join(os.path.dirname(name), node.target))
    return None


class ChangingDirectory(RuleBasedStateMachine):
    """The rules that change files, on disk and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp())
        self.top.chmod(0o755)
        self.root = self.top / "site"
        (self.root / "sub").mkdir(parents=True)
        (self.top / "outside.txt").write_bytes(CANARY)
        self.state: State = {}
        self.past_states: list[tuple[float, State]] = []  # with the time when each ended
        self.last_change = 0.0
        self.clock = OLD

    def teardown(self) -> None:
        shutil.rmtree(self.top)

    def record_change(self, name: str, node: Node | None) -> None:
        self.past_states.append((time.monotonic(), dict(self.state)))
        if node is None:
            del self.state[name]
        else:
            self.state[name] = node
        # Any change counts: a sidecar may be a link to the file that changed.
        self.last_change = time.monotonic()

    def set_time(self, path: Path) -> int:
        """Set a modification time that no other version has, and return it in seconds."""
        self.clock += 1
        os.utime(path, (OLD, self.clock))
        return self.clock

    @rule(name=ANY_NAME, data=CONTENTS)
    def write_in_place(self, name: str, data: bytes) -> None:
        node = self.state.get(name)
        path = self.root / name
        if node is not None and node.target is not None:
            path.unlink()
            node = None
        path.write_bytes(data)
        self.record_change(name, Node(data, self.set_time(path), node is None or node.readable))

    @rule(name=ANY_NAME, data=CONTENTS)
    def replace(self, name: str, data: bytes) -> None:
        new = self.top / "new"
        new.write_bytes(data)
        mtime = self.set_time(new)
        new.replace(self.root / name)
        self.record_change(name, Node(data, mtime))

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
            self.record_change(name, Node(data, self.set_time(self.root / name), node.readable))

    @rule(old=ANY_NAME, new=ANY_NAME)
    def rename(self, old: str, new: str) -> None:
        if old in self.state and old != new:
            (self.root / old).replace(self.root / new)
            self.record_change(new, self.state[old])
            del self.state[old]

    @rule(name=ANY_NAME)
    def remove(self, name: str) -> None:
        if name in self.state:
            (self.root / name).unlink()
            self.record_change(name, None)

    @rule(name=ANY_NAME, readable=st.booleans())
    def change_mode(self, name: str, readable: bool) -> None:
        node = self.state.get(name)
        if node is not None and node.target is None:
            (self.root / name).chmod(0o644 if readable else 0)
            self.record_change(name, Node(node.data, node.mtime, readable))

    @rule(name=ANY_NAME, target_name=st.sampled_from((*NAMES, "out", "nowhere")))
    def link(self, name: str, target_name: str) -> None:
        up = "../" * name.count("/")
        new = self.top / "new"
        new.symlink_to(up + ("../outside.txt" if target_name == "out" else target_name))
        new.replace(self.root / name)
        self.record_change(name, Node(target=up + target_name))
