"""A progress bar on a terminal, by tqdm where it is installed; else nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """How far the work is.

    Attributes:
        is_shown: there is a bar, and lines for each file would push it away.
    """

    is_shown: bool

    def advance(self, size: int) -> None:
        """Count bytes that are done."""

    def write(self, line: str, stream: TextIO) -> None:
        """Print a line, above the bar."""


class _Nothing:
    is_shown = False

    def advance(self, size: int) -> None:
        pass

    def write(self, line: str, stream: TextIO) -> None:
        print(line, file=stream)


class _Bar:
    is_shown = True

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, size: int) -> None:
        self._bar.update(size)

    def write(self, line: str, stream: TextIO) -> None:
        self._bar.write(line, file=stream)


@contextmanager
def progress(size: int, quiet: bool) -> Iterator[Progress]:
    """Show the progress of so many bytes on standard error, if that is a terminal."""
    is_seen = sys.stderr is not None and sys.stderr.isatty()
    tqdm = _tqdm() if is_seen and not quiet else None
    if tqdm is None:
        yield _Nothing()
        return
    with tqdm(total=size, unit="B", unit_scale=True, desc="Compressing") as bar:
        yield _Bar(bar)


def _tqdm() -> Any:
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return None
