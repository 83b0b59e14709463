"""The files that each server serves. Most are sparse, so they take no disk space."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.conftest import OLD

MIB = 1024**2
LARGE = random.Random(1).randbytes(3 * MIB + 3)  # not kept in memory; many blocks
SMALL = b"0123456789" * 100
SPARSE = {
    "huge.bin": 1024 * MIB,
    "left.bin": 96 * MIB,  # its client disconnects
    "grown.bin": 64 * MIB,
    "cut.bin": 256 * MIB,
    "rewritten.bin": 128 * MIB,
    "log.bin": MIB,
    "empty.bin": 0,
}


def make_site(folder: Path) -> Path:
    """Create the files in a directory, with old time stamps so that their ETags are strong."""
    (folder / "sub").mkdir()
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "small.bin").write_bytes(SMALL)
    (folder / "sub/index.html").write_bytes(b"<p>index</p>")
    for name, size in SPARSE.items():
        with (folder / name).open("wb") as file:
            file.truncate(size)
    for path in folder.rglob("*.*"):
        # With a fraction, because whole seconds may come from a file system with coarse times.
        os.utime(path, ns=(OLD * 10**9 + 123_456_789,) * 2)
    return folder
