"""Every kind of source that an app can serve."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import OLD, age

Make = Callable[[Path, bytes, ExitStack], Any]


class Blob:
    """A file object with the minimal interface."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self.closed = False

    def seek(self, offset: int, whence: int = 0) -> None:
        self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self.closed = True


class Node:
    """A minimal ``Traversable``, which is neither a path nor in an archive."""

    def __init__(self, name: str, content: bytes | dict[str, Any] | None) -> None:
        self.name = name
        self._content = content

    def is_dir(self) -> bool:
        return isinstance(self._content, dict)

    def is_file(self) -> bool:
        return isinstance(self._content, bytes)

    def joinpath(self, child: str) -> Node:
        assert isinstance(self._content, dict)
        return Node(child, self._content.get(child))

    def open(self, mode: str = "r") -> Any:
        assert mode == "rb"
        assert isinstance(self._content, bytes)
        return io.BytesIO(self._content)


def zip_of(path: Path, members: dict[str, bytes], compression: int) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.comment = b"at the end"
        for name, content in members.items():
            archive.writestr(name, content)
    age(path)
    return path


def _path(tmp_path: Path, content: bytes, stack: ExitStack) -> Path:
    path = tmp_path / "page.txt"
    path.write_bytes(content)
    age(path)
    return path


def _opened(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    return stack.enter_context(_path(tmp_path, content, stack).open("rb"))


def _raw(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    return stack.enter_context(_path(tmp_path, content, stack).open("rb", buffering=0))


def _temporary(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    file = stack.enter_context(tempfile.NamedTemporaryFile(dir=tmp_path))  # noqa: SIM115
    file.write(content)  # without a flush
    return file


def _spooled(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    file = stack.enter_context(tempfile.SpooledTemporaryFile(1000))  # noqa: SIM115
    file.write(content)
    return file


def _member(compression: int) -> Make:
    def make(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
        path = zip_of(tmp_path / "a.zip", {"x.txt": b"x", "d/page.txt": content}, compression)
        archive = stack.enter_context(zipfile.ZipFile(path))
        return zipfile.Path(archive, "d/page.txt")

    return make


def _member_in_memory(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    path = zip_of(tmp_path / "a.zip", {"page.txt": content}, zipfile.ZIP_STORED)
    archive = stack.enter_context(zipfile.ZipFile(io.BytesIO(path.read_bytes())))
    return zipfile.Path(archive, "page.txt")


def _open_member(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
    path = zip_of(tmp_path / "a.zip", {"page.txt": content}, zipfile.ZIP_DEFLATED)
    archive = stack.enter_context(zipfile.ZipFile(path))
    return stack.enter_context(archive.open("page.txt"))


def _decompressing(module: Any, suffix: str) -> Make:
    def make(tmp_path: Path, content: bytes, stack: ExitStack) -> Any:
        path = tmp_path / f"page.txt.{suffix}"
        path.write_bytes(module.compress(content))
        return stack.enter_context(module.open(path))

    return make


KINDS: dict[str, Make] = {
    "path": _path,
    "open": _opened,
    "unbuffered": _raw,
    "temporary": _temporary,
    "spooled": _spooled,
    "bytes": lambda tmp_path, content, stack: content,
    "bytearray": lambda tmp_path, content, stack: bytearray(content),
    "memoryview": lambda tmp_path, content, stack: memoryview(content),
    "BytesIO": lambda tmp_path, content, stack: io.BytesIO(content),
    "object": lambda tmp_path, content, stack: Blob(content),
    "traversable": lambda tmp_path, content, stack: Node("page.txt", content),
    "stored": _member(zipfile.ZIP_STORED),
    "deflated": _member(zipfile.ZIP_DEFLATED),
    "zip in memory": _member_in_memory,
    "open member": _open_member,
    "gzip": _decompressing(gzip, "gz"),
    "bz2": _decompressing(bz2, "bz2"),
    "lzma": _decompressing(lzma, "xz"),
}
# Sources with an ETag, and those with a modification time.
TAGGED = (
    "path", "open", "unbuffered", "temporary", "bytes", "bytearray", "memoryview", "BytesIO",
    "stored", "deflated", "zip in memory",
)  # fmt: skip
DATED = {"path": OLD, "open": OLD, "unbuffered": OLD, "stored": OLD, "deflated": OLD}
# Sources that must decompress from the start to seek backwards.
SEQUENTIAL = ("deflated", "zip in memory", "open member", "gzip", "bz2", "lzma")
NAMED = ("path", "open", "unbuffered", "traversable", "stored", "deflated", "zip in memory",
         "open member")  # fmt: skip


@contextmanager
def source_of(kind: str, tmp_path: Path, content: bytes) -> Iterator[Any]:
    """Create a source with given bytes; at the end close what its owner would close."""
    with ExitStack() as stack:
        yield KINDS[kind](tmp_path, content, stack)
