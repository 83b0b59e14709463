"""Directories with many files, and files with nothing in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.progress import Progress

_IN_EACH = 1000
_CONTENT = b"body { color: #123456 }\n" * 42  # 1 KiB or so


def file_names(stop: int, start: int = 0) -> Iterator[str]:
    """Give the names of so many files; the first ones stay the same."""
    for number in range(start, stop):
        yield f"{number // _IN_EACH:04}/file-{number}.css"


def add_files(root: str, present: int, count: int) -> None:
    """Let a directory grow to so many files.

    The files of a subdirectory are hard links to its first one where the file system can: names
    and look-ups are as many, without a block of the disk for each.
    """
    with Progress(count - present, "writing files") as progress:
        first = Path()
        for name in file_names(count, present):
            path = Path(root, name)
            if path.parent != first.parent:
                path.parent.mkdir(exist_ok=True)
                first = path
                path.write_bytes(_CONTENT)
            else:
                try:
                    os.link(first, path)
                except OSError:
                    path.write_bytes(_CONTENT)
            progress.advance()


def add_hole(root: str, name: str, size: int) -> None:
    """Write a sparse file: reading it costs memory and time, but no disk."""
    with open(os.path.join(root, name), "wb") as file:
        file.truncate(size)


def read_ahead(root: str, name: str) -> None:
    """Read a file into the system's cache: the first to read it would pay for that."""
    with open(os.path.join(root, name), "rb", buffering=0) as file:
        while file.read(1024 * 1024):
            pass
