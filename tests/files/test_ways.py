"""Both ways of opening files, by one system call of Linux and by a walk, have the same results."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import call_raw, make_environ
from tests.conftest import age, as_ordinary_user
from wsgistatic import StaticFiles
from wsgistatic.files.directory import Directory
from wsgistatic.files.linux import LINUX
from wsgistatic.files.symlinks import Symlinks

pytestmark = [
    pytest.mark.skipif(LINUX._openat2 is None, reason="needs openat2 of Linux 5.6"),
    pytest.mark.system_calls,
]

NAMES = ("a", "b", ".c", "d.txt")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple)
TARGETS = st.sampled_from(
    [*NAMES, ".", "..", "a/b", "../a", "../../a", "b/../a", "nowhere", "/ROOT/a", "/ROOT/a/b",
     "../outside", "../outside/secret.txt", "/etc/hostname", "/proc/self/root/ROOT/a"]
)  # fmt: skip
KINDS = st.one_of(
    st.sampled_from(["file", "file", "folder", "folder", "fifo", "socket", "private", "closed"]),
    TARGETS.map(lambda target: f"link {target}"),
)
TREES = st.lists(st.tuples(PATHS, KINDS), min_size=1, max_size=12)
POLICIES: tuple[Symlinks, ...] = ("inside", "deny", "follow")


@contextmanager
def walking() -> Iterator[None]:
    openat2, LINUX._openat2 = LINUX._openat2, None
    try:
        yield
    finally:
        LINUX._openat2 = openat2


@contextmanager
def tree_of(entries: list[tuple[tuple[str, ...], str]]) -> Iterator[Path]:
    """Create the entries that are possible, one after another."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    root = top / "site"
    (top / "outside").mkdir()
    (top / "outside" / "secret.txt").write_text("canary")
    root.mkdir()
    root.with_name("current").symlink_to(root)
    try:
        for names, kind in entries:
            path = root.joinpath(*names)
            # Below a link, it would not be where its name says.
            if os.path.realpath(path.parent) == str(path.parent) and not os.path.lexists(path):
                with suppress(OSError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    make(path, kind, root)
        yield root
    finally:
        for folder, _, _ in os.walk(top):
            os.chmod(folder, 0o755)
        shutil.rmtree(top)


def make(path: Path, kind: str, root: Path) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind.startswith("link "):
        path.symlink_to(kind.removeprefix("link ").replace("/ROOT", str(root)))
    elif kind in ("folder", "closed"):
        path.mkdir()
        path.chmod(0o755 if kind == "folder" else 0o711)
    else:
        path.write_bytes(b"content of " + os.fsencode(path.relative_to(root)))
        path.chmod(0 if kind == "private" else 0o644)
        age(path)


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except OSError as error:
        return type(error), error.errno


def look_at(files: Directory, names: tuple[str, ...]) -> list[Any]:
    """Return the outcomes of all methods for a path."""

    def read(named: Callable[[tuple[str, ...]], Any]) -> bytes:
        with named(names).open() as opened:
            return bytes(opened.file.read())

    def listed() -> list[str]:
        entries = files.open_directory(names)
        try:
            return sorted(entry.name for entry in entries)
        finally:
            entries.close()

    path = os.path.join(files.path, *names)
    is_regular = os.path.exists(path) and stat.S_ISREG(os.stat(path).st_mode)
    return [
        outcome(lambda: read(files.file)),
        outcome(lambda: read(files.regular_file)) if is_regular else None,
        outcome(lambda: files.stat(names)),
        outcome(listed),
        outcome(lambda: files.stat_directory(names)),
        outcome(lambda: files.stat_listable(names)),
    ]


@given(TREES, st.lists(PATHS, max_size=5))
def test_every_file_of_any_tree(
    entries: list[tuple[tuple[str, ...], str]], others: list[tuple[str, ...]]
) -> None:
    paths = {names for names, _ in entries} | set(others)
    paths |= {(*names, *below) for names in list(paths) for below in (("a",), ("d.txt",))}
    with tree_of(entries) as root, as_ordinary_user():
        for policy in POLICIES:
            for top in (root, root.with_name("current")):
                files = Directory(str(top), policy)
                for names in sorted(paths):
                    found = look_at(files, names)
                    with walking():
                        assert look_at(files, names) == found, (policy, names)
                    assert policy == "follow" or b"canary" not in found


@given(TREES)
def test_every_response(entries: list[tuple[tuple[str, ...], str]]) -> None:
    with tree_of(entries) as root, as_ordinary_user():
        for policy in POLICIES:
            app = StaticFiles(
                None,
                root,
                symlinks=policy,
                listing=True,
                dotfiles=True,
                cache_size=0,
            )
            for names, _ in entries:
                for path in ("/" + "/".join(names), "/" + "/".join(names) + "/"):
                    found = respond(app, path)
                    with walking():
                        assert respond(app, path) == found, (policy, path)


def respond(app: StaticFiles, path: str) -> Any:
    return [
        (result.status, result.body, result.headers.get("ETag", "")[:1])
        for method in ("GET", "HEAD")
        for result in [call_raw(app, make_environ(path, method))]
    ]
