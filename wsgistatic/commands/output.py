"""The output of the commands: messages, and the progress and report of a compression.

Standard output and standard error may be full, broken or closed.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, TextIO, cast

from wsgistatic.compress.compressor import Action, Result
from wsgistatic.http.codings import CODINGS

# A command to a CI system in its log: "::" begins a line of GitHub Actions, "##[" and "##vso[" may
# stand anywhere in one of Azure Pipelines, "##teamcity[" begins one of TeamCity.
_CI_COMMAND = re.compile(r"^ *:(?=:)|#(?=#)")


def printable(text: str) -> str:
    """Return a line of output with escapes for all that a terminal or a CI system interprets.

    File names may contain line ends, terminal sequences, marks that reverse the direction of
    writing, bytes that are not text, and commands to a CI system.
    """
    text = _CI_COMMAND.sub(lambda found: found[0][:-1] + _escaped(found[0][-1]), text)
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else ascii(character)[1:-1]


def fail(message: str, status: int = 1) -> int:
    """Print an error message and return the exit status."""
    print(f"wsgistatic: {printable(message)}", file=sys.stderr)
    return status


def escape_undecodable_names() -> None:
    """Print file names that cannot be encoded with backslash escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the parent process
            cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")


def progress_bar(size: int, quiet: bool) -> Any:
    """Return a context of a progress bar, or of None if quiet or without a terminal or tqdm."""
    if sys.stderr is not None and sys.stderr.isatty() and not quiet:
        with suppress(ImportError):
            tqdm = import_module("tqdm").tqdm
            return tqdm(total=size, unit="B", unit_scale=True, desc="Compressing")
    return nullcontext()


# What was done with a sidecar, and what --check says is to be done.
_FINDINGS = {
    Action.CREATED: ("created", "missing"),
    Action.REPLACED: ("replaced", "out of date"),
    Action.REDATED: ("redated", "older than its file"),
    Action.REMOVED: ("removed, saves too little", "saves too little"),
}
_LEFT = "not written by wsgistatic; use --force to replace it"


class Report:
    """The report of a compression: a line for each change, and totals.

    The printed paths are relative to the directory. The lines do not disturb the progress bar.
    """

    def __init__(self, directory: str, bar: Any, *, is_check: bool, quiet: bool) -> None:
        self.failed = False  # whether there was an error, or a check found something to do
        self._directory, self._bar, self._is_check = directory, bar, is_check
        self._quiet = quiet
        self._files = self._errors = 0
        self._counts: Counter[Action] = Counter()
        # By coding: the number of sidecars, and the bytes of their files and their own.
        self._sidecars: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()

    def error(self, path: str, error: Exception) -> None:
        """Report a file that could not be compressed."""
        self.failed = True
        self._errors += 1
        reason = getattr(error, "strerror", None) or f"{error}" or type(error).__name__
        self._print(path, reason, sys.stderr)

    @contextmanager
    def errors_of(self, path: str) -> Iterator[None]:
        """Report an error of a file instead of raising it, so that the work goes on."""
        try:
            yield
        except OSError as error:
            self.error(path, error)

    def orphan(self, path: str) -> None:
        """Report a sidecar whose file is gone."""
        self._change(path, "its file is gone" if self._is_check else "removed, its file is gone")

    def old_delta(self, path: str) -> None:
        """Report a delta that no client should get."""
        finding = "its dictionary or its file is outdated"
        self._change(path, finding if self._is_check else f"removed, {finding}")

    def result(self, result: Result) -> None:
        """Report a file and add it to the totals."""
        if self._bar is not None:
            self._bar.update(result.size)
        if result.error is not None:
            self.error(result.path, result.error)
            return
        self._files += 1
        for coding, path, action, size, reason in result.sidecars:
            self._counts[action] += 1
            sizes = ""
            if action is Action.LEFT:
                self._find(path, f"left alone: {reason} ({_LEFT})")
            elif size is not None:
                self._sidecars[coding] += 1
                self._before[coding] += result.size
                self._after[coding] += size
                sizes = f" ({result.size:,} -> {size:,})"
            if action in _FINDINGS:
                finding = _FINDINGS[action][self._is_check]
                if self._is_check and action is Action.REPLACED:
                    finding += f": {reason}"
                self._change(path, finding + sizes)

    def print_table(self, codings: Iterable[str], skipped: Mapping[str, int]) -> None:
        """Print the sidecars that now exist, by coding, and how many files were skipped and why."""
        print(f"\n{'':6}{'files':>8}{'bytes':>16}{'compressed':>16}{'saved':>8}")
        for name in codings:
            before, after = self._before[name], self._after[name]
            saved = f"{1 - after / before:.1%}" if before else "-"
            print(f"{name:6}{self._sidecars[name]:8,}{before:16,}{after:16,}{saved:>8}")
        for name in sorted(CODINGS.keys() - set(codings)):
            print(f"{name:6}{'not requested, or not installed':>48}")
        counts = ", ".join(f"{self._counts[action]} {action.value}" for action in _FINDINGS)
        print(f"\n{self._files} files: {counts}, {self._counts[Action.KEPT]} kept")
        if self._counts[Action.LEFT]:
            print(f"{self._counts[Action.LEFT]} left alone: {_LEFT}")
        for reason, count in sorted(skipped.items()):
            print(f"{count} skipped: {reason}")
        if self._errors:
            print(f"{self._errors} not compressed because of errors")

    def _change(self, path: str, finding: str) -> None:
        # A bar is enough to see that changes are made, but the findings of a check are wanted.
        if self._is_check or self._bar is None:
            self._find(path, finding)

    def _find(self, path: str, finding: str) -> None:
        self.failed |= self._is_check
        if not self._quiet:
            self._print(path, finding, sys.stdout)

    def _print(self, path: str, finding: str, stream: TextIO) -> None:
        line = printable(f"{os.path.relpath(path, self._directory)}: {finding}")
        write = print if self._bar is None else self._bar.write
        write(line, file=stream)
