"""Inspect other processes through /proc.

``python procfs.py positions PATH`` and ``python procfs.py bytes_read PID ...`` do so as the user
that runs them. In a container, not even root may see the open files of other users' processes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def file_positions(path: str) -> list[int]:
    """Return the positions of the descriptors that any process has open on a file."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # the process has exited, or belongs to another user
            for link in folder.iterdir():
                with suppress(OSError):  # closed in the meantime
                    if os.readlink(link) == path:
                        about = (folder.parent / "fdinfo" / link.name).read_text()
                        found.append(int(about.split()[1]))
    return found


def bytes_read(pids: Iterable[int]) -> int:
    """Return how many bytes processes have read by system calls, including sendfile."""
    return sum_fields(pids, "io", "rchar")


def sum_fields(pids: Iterable[int], file: str, name: str) -> int:
    """Return the sum of a numeric field of a file in /proc, over some processes."""
    total = 0
    for pid in pids:
        with suppress(OSError):  # the process has exited
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    return total


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    print(
        json.dumps(file_positions(words[0]) if what == "positions" else bytes_read(map(int, words)))
    )
