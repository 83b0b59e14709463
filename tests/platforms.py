"""What tests need from the platform: markers, and what Windows and pyodide leave out."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

ON_WINDOWS = sys.platform == "win32"

# What Windows lacks. A test that needs it has the marker, and is deselected there, not skipped.
NEEDS = {
    "symlinks": "symbolic links, which need a privilege on Windows",
    "permissions": "modes of files, and other users",
    "special_files": "FIFOs, sockets and devices in a folder",
    "byte_names": "file names that are bytes, of which some are not Unicode",
    "free_names": "names that Windows refuses or changes, such as 'a?b', 'a.' and 'NUL'",
    "case_sensitive": "two names that differ only in case",
    "descriptors": "descriptors of folders, /proc, or a limit on open files",
    "unlocked_files": "removing, renaming or emptying a file or folder that is open or listed",
    "change_times": "a time of the last change that programs cannot set (st_ctime)",
    "error_numbers": "errors that Windows does not tell apart, such as ENOTDIR and ENOENT",
    "pipes": "pipes that hold 64 KiB, and can be closed while a program writes",
    "fork": "processes made by fork, or code that runs before exec",
    "signals": "signals that a program can handle",
    "terminal": "pseudo-terminals",
    "system_calls": "the system calls of POSIX by which files are read, or tools that watch them",
    "programs": "programs or packages that were not built for Windows",
    "time_zones": "setting the time zone of the process",
    "long_paths": "paths of more than 260 characters",
    "posix_output": "paths with slashes, lines that end in a line feed, and UTF-8 as the locale",
    "disk": "file systems of a certain size or kind, or limits on the size of a file",
    "wine": "what Wine does wrong; tests/windows/wine_faults.py shows each fault",
}


# What pyodide lacks, and Windows does not.
PYODIDE_NEEDS = {
    "recursion": "exhausting the stack, which ends pyodide",
    "trailing_slashes": "a file with a slash after its name to be none, as in POSIX",
}
_MISSING = {
    "win32": frozenset(NEEDS),
    "emscripten": frozenset(
        ("byte_names", "fork", "special_files", "system_calls", *PYODIDE_NEEDS)
    ),
}.get(sys.platform, frozenset())

_BY_FIXTURE = {"ordinary_user": "permissions"}


def _need_of(item: pytest.Item) -> str | None:
    """Return what the platform lacks of what a test needs, or None."""
    marked = next((mark.name for mark in item.iter_markers() if mark.name in _MISSING), None)
    fixtures = getattr(item, "fixturenames", ())
    by_fixture = (need for name, need in _BY_FIXTURE.items() if name in fixtures)
    return marked or next((need for need in by_fixture if need in _MISSING), None)


def left_out(items: list[pytest.Item]) -> tuple[list[pytest.Item], Counter[str]]:
    """Return the tests that this platform cannot run, and how many of them need what."""
    deselected = []
    counts: Counter[str] = Counter()
    for item in items:
        if need := _need_of(item):
            deselected.append(item)
            counts[need] += 1
    return deselected, counts


def make_fifo(path: Path) -> None:
    """Create a FIFO if the platform supports it."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
