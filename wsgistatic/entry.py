"""An entry of a directory, and the order of entries."""

from __future__ import annotations

import re
from typing import NamedTuple

_DIGITS = re.compile("[0-9]+")


class Entry(NamedTuple):
    """A file or directory in a listing.

    Attributes:
        name: as ``os.fsdecode`` gives it; it may hold any character but "/" and NUL.
        is_directory: whether its URL ends in a slash.
        size: bytes of a file; 0 for a directory.
        modified: seconds since the epoch.
    """

    name: str
    is_directory: bool
    size: int
    modified: int


def sort_key(name: str, is_directory: bool) -> str:
    """Give text that sorts directories first, then without case, and numbers by their value.

    It ends in the name itself, behind a NUL, which no name has: so one string an entry is all
    that has to be kept of a directory until it is sorted.
    """
    natural = _DIGITS.sub(_counted, name.casefold())
    return f"{'01'[not is_directory]}{natural}\0{name}"


def from_sort_key(key: str) -> tuple[str, bool]:
    """Give name and is_directory of a sort key."""
    return key.rpartition("\0")[2], key[0] == "0"


def _counted(digits: re.Match[str]) -> str:
    # Of two numbers the one with more digits is greater; "0" keeps them where digits sort.
    number = digits[0].lstrip("0")
    return f"0{chr(ord('0') + len(number))}{number}"
