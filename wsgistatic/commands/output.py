"""Standard output and standard error, which may be full, broken or closed."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from io import RawIOBase, TextIOWrapper
from typing import Any, Protocol, TextIO, cast

from wsgistatic.compress.compressor import (
    Action,
    Result,
    SidecarResult,
)
from wsgistatic.http.codings import SUFFIXES


def take_any_name() -> None:
    """Let names of files be printed that no text has."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started us
            cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")


@contextmanager
def output_that_never_fails() -> Iterator[None]:
    """Lose what cannot be written until the block ends: a server goes on without its log.

    The disk may be full, the reader of a pipe gone. Nothing is kept back for another try, since
    that would fail once more when the interpreter ends. Any name of a file can be printed.
    """
    with redirect_stdout(_unfailing(sys.stdout)), redirect_stderr(_unfailing(sys.stderr)):
        yield


def _unfailing(stream: TextIO | None) -> TextIO:
    binary = getattr(stream, "buffer", None)
    raw: Any = _Unfailing(getattr(binary, "raw", binary))
    encoding = None if stream is None else stream.encoding
    return TextIOWrapper(raw, encoding, "backslashreplace", write_through=True)


class _Unfailing(RawIOBase):
    """Takes all bytes, and writes those that it can."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._raw is not None:
            with suppress(OSError):
                self._raw.write(data)
        return len(data)


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


# In the past, and for --check in the present.
_WORDS = {
    Action.CREATED: ("created", "missing"),
    Action.REPLACED: ("replaced", "out of date"),
    Action.REDATED: ("redated", "older than its file"),
    Action.REMOVED: ("removed, saves too little", "saves too little"),
}


class Report:
    """Lines and counts of one run.

    Arguments:
        directory: that paths are shown below.
        progress: that lines are written past.
        is_check: words for what should be done.
        quiet: print nothing but errors.

    Attributes:
        failed: there was an error, or a check found something to do.
    """

    def __init__(self, directory: str, progress: Progress, is_check: bool, quiet: bool) -> None:
        self.failed = False
        self._directory = directory
        self._progress = progress
        self._is_check = is_check
        # A bar says enough while all goes well; what a check finds is wanted.
        self._has_lines = not quiet and (is_check or not progress.is_shown)
        self._counts: Counter[Action] = Counter()
        self._files = self._errors = 0
        self._sidecars: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()

    def error(self, path: str, error: Exception) -> None:
        """Tell of a file that could not be compressed."""
        self.failed = True
        self._errors += 1
        reason = getattr(error, "strerror", None) or f"{error}" or type(error).__name__
        self._progress.write(f"{self._shown(path)}: {reason}", sys.stderr)

    def orphan(self, path: str) -> None:
        """Tell of a sidecar whose file is gone."""
        self._finding(path, "its file is gone" if self._is_check else "removed, its file is gone")

    def result(self, result: Result) -> None:
        """Tell of a file, and count it."""
        if result.error is not None:
            self.error(result.path, result.error)
            return
        self._files += 1
        for sidecar in result.sidecars:
            self._count(sidecar, result.size)
            if sidecar.action in _WORDS:
                words = _WORDS[sidecar.action][self._is_check]
                sizes = "" if sidecar.size is None else f" ({result.size:,} -> {sidecar.size:,})"
                self._finding(sidecar.path, words + sizes)

    def print_table(self, codings: Iterable[str], skipped: Mapping[str, int]) -> None:
        """Print what there is now, by coding, and what was done.

        Arguments:
            codings: the names of those that were written.
            skipped: numbers of files by the reason why they were passed over.
        """
        print(f"\n{'':6}{'files':>8}{'bytes':>16}{'compressed':>16}{'saved':>8}")
        for name in codings:
            before, after = self._before[name], self._after[name]
            saved = f"{1 - after / before:.1%}" if before else "-"
            print(f"{name:6}{self._sidecars[name]:8,}{before:16,}{after:16,}{saved:>8}")
        for name in sorted(SUFFIXES.keys() - set(codings)):
            print(f"{name:6}{'not asked for, or not installed':>48}")
        counts = ", ".join(f"{self._counts[action]} {action.value}" for action in _WORDS)
        print(f"\n{self._files} files: {counts}, {self._counts[Action.KEPT]} kept")
        for reason, count in sorted(skipped.items()):
            print(f"{count} skipped: {reason}")
        if self._errors:
            print(f"{self._errors} not compressed because of errors")

    def _count(self, sidecar: SidecarResult, original: int) -> None:
        self._counts[sidecar.action] += 1
        if sidecar.size is not None:
            self._sidecars[sidecar.coding] += 1
            self._before[sidecar.coding] += original
            self._after[sidecar.coding] += sidecar.size

    def _finding(self, path: str, words: str) -> None:
        self.failed |= self._is_check
        if self._has_lines:
            self._progress.write(f"{self._shown(path)}: {words}", sys.stdout)

    def _shown(self, path: str) -> str:
        return os.path.relpath(path, self._directory)


_CLEAN, _FAILED = 0, 1


def _fail(message: str) -> int:
    print(f"wsgistatic: {message}", file=sys.stderr)
    return _FAILED
