"""Look at other processes through /proc.

``python look.py open_files PATH`` and ``python look.py bytes_read PID ...`` do so as whoever runs
them: in a container, root itself may not look at what others have open.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def open_files(path: str) -> int:
    """Count the descriptors that processes have on a file."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # it has ended, or is none of our business
            for link in folder.iterdir():
                with suppress(OSError):  # closed since it was listed
                    count += os.readlink(link) == path
    return count


def bytes_read(pids: Iterable[int]) -> int:
    """Give how much processes have read by system calls, sendfile included."""
    return sum_fields(pids, "io", "rchar")


def sum_fields(pids: Iterable[int], file: str, name: str) -> int:
    """Add up a field of a file in /proc."""
    total = 0
    for pid in pids:
        with suppress(OSError):  # it has ended
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    return total


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    print(open_files(words[0]) if what == "open_files" else bytes_read(map(int, words)))
