"""Look at other processes through /proc.

``python look.py positions PATH`` and ``python look.py bytes_read PID ...`` do so as whoever runs
them: in a container, root itself may not look at what others have open.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def positions(path: str) -> list[int]:
    """Give where in a file the descriptors of all processes stand."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # it has ended, or is none of our business
            for link in folder.iterdir():
                with suppress(OSError):  # closed since it was listed
                    if os.readlink(link) == path:
                        about = (folder.parent / "fdinfo" / link.name).read_text()
                        found.append(int(about.split()[1]))
    return found


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
    print(json.dumps(positions(words[0]) if what == "positions" else bytes_read(map(int, words))))
