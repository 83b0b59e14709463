"""What commands print: messages, progress and the report of a compression.

Standard output and standard error may be full, broken or closed.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from io import RawIOBase, TextIOWrapper
from typing import Any, TextIO, cast

from wsgistatic.compress.compressor import Action, Result, SidecarResult
from wsgistatic.http.codings import CODINGS

# Exit statuses.
CLEAN, FAILED, INTERRUPTED = 0, 1, 130


def fail(message: str) -> int:
    """Print an error message and return the exit status of a failure."""
    print(f"wsgistatic: {message}", file=sys.stderr)
    return FAILED


def escape_undecodable_names() -> None:
    """Print undecodable file names with backslash escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the parent process
            cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")


@contextmanager
def ignore_output_errors() -> Iterator[None]:
    """Discard output that cannot be written, so that a server goes on without its log.

    The disk may be full, or the reader of a pipe gone. Nothing is buffered, because flushing it
    when the interpreter exits would fail again. Undecodable file names are printed with escapes.
    """
    with redirect_stdout(_unfailing(sys.stdout)), redirect_stderr(_unfailing(sys.stderr)):
        yield


def _unfailing(stream: TextIO | None) -> TextIO:
    binary = getattr(stream, "buffer", None)
    raw: Any = _UnfailingRaw(getattr(binary, "raw", binary))
    encoding = None if stream is None else stream.encoding
    return TextIOWrapper(raw, encoding, "backslashreplace", write_through=True)


class _UnfailingRaw(RawIOBase):
    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._raw is not None:
            with suppress(OSError):
                self._raw.write(data)
        return len(data)


class Progress:
    """How much of the work is done, with or without a progress bar.

    Arguments:
        bar: A tqdm progress bar, or None.
    """

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar

    @property
    def has_bar(self) -> bool:
        """Whether there is a bar, which a line for each file would push away."""
        return self._bar is not None

    def advance(self, size: int) -> None:
        """Add a number of bytes to the work that is done."""
        if self._bar is not None:
            self._bar.update(size)

    def print(self, line: str, stream: TextIO) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.write(line, file=stream)
        else:
            print(line, file=stream)


@contextmanager
def show_progress(size: int, quiet: bool) -> Iterator[Progress]:
    """Show a progress bar on standard error, if that is a terminal and tqdm is installed.

    Arguments:
        size: The number of bytes that all the work has.
        quiet: Whether to show no bar in any case.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    tqdm = _import_tqdm() if is_terminal and not quiet else None
    if tqdm is None:
        yield Progress()
        return
    with tqdm(total=size, unit="B", unit_scale=True, desc="Compressing") as bar:
        yield Progress(bar)


def _import_tqdm() -> Any:
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return None


# What was done with a sidecar, and what --check says is to be done.
_FINDINGS = {
    Action.CREATED: ("created", "missing"),
    Action.REPLACED: ("replaced", "out of date"),
    Action.REDATED: ("redated", "older than its file"),
    Action.REMOVED: ("removed, saves too little", "saves too little"),
}


class Report:
    """The report of a compression: a line for each change, and totals.

    Arguments:
        directory: The directory that the printed paths are relative to.
        progress: The progress of the run, whose bar the lines must not disturb.
        is_check: Whether changes are only found, not made.
        quiet: Whether to print nothing but errors.

    Attributes:
        failed: Whether there was an error, or a check found something to do.
    """

    def __init__(self, directory: str, progress: Progress, *, is_check: bool, quiet: bool) -> None:
        self.failed = False
        self._directory = directory
        self._progress = progress
        self._is_check = is_check
        # A bar is enough to see that changes are made, but the findings of a check are wanted.
        self._has_lines = not quiet and (is_check or not progress.has_bar)
        self._counts: Counter[Action] = Counter()
        self._files = self._errors = 0
        self._sidecars: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()

    def error(self, path: str, error: Exception) -> None:
        """Report a file that could not be compressed."""
        self.failed = True
        self._errors += 1
        reason = getattr(error, "strerror", None) or f"{error}" or type(error).__name__
        self._progress.print(f"{self._relative(path)}: {reason}", sys.stderr)

    def orphan(self, path: str) -> None:
        """Report a sidecar whose file is gone."""
        self._change(path, "its file is gone" if self._is_check else "removed, its file is gone")

    def result(self, result: Result) -> None:
        """Report a file and add it to the totals."""
        if result.error is not None:
            self.error(result.path, result.error)
            return
        self._files += 1
        for sidecar in result.sidecars:
            self._count(sidecar, result.size)
            if sidecar.action in _FINDINGS:
                finding = _FINDINGS[sidecar.action][self._is_check]
                sizes = "" if sidecar.size is None else f" ({result.size:,} -> {sidecar.size:,})"
                self._change(sidecar.path, finding + sizes)

    def print_table(self, codings: Iterable[str], skipped: Mapping[str, int]) -> None:
        """Print the sidecars that now exist, by coding, and how many were changed.

        Arguments:
            codings: The names of the codings that were written.
            skipped: Numbers of skipped files, by reason.
        """
        print(f"\n{'':6}{'files':>8}{'bytes':>16}{'compressed':>16}{'saved':>8}")
        for name in codings:
            before, after = self._before[name], self._after[name]
            saved = f"{1 - after / before:.1%}" if before else "-"
            print(f"{name:6}{self._sidecars[name]:8,}{before:16,}{after:16,}{saved:>8}")
        for name in sorted(CODINGS.keys() - set(codings)):
            print(f"{name:6}{'not requested, or not installed':>48}")
        counts = ", ".join(f"{self._counts[action]} {action.value}" for action in _FINDINGS)
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

    def _change(self, path: str, finding: str) -> None:
        self.failed |= self._is_check
        if self._has_lines:
            self._progress.print(f"{self._relative(path)}: {finding}", sys.stdout)

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._directory)
