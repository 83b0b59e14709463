"""The files that every peer serves."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
SMALL = "css/small.css"
MIDDLE = "js/middle.js"
ZIPPED = "css/zipped.css"
BIG = "media/big.bin"
HUGE = "media/huge.bin"
ABSENT = "css/absent.css"
SIZES = {SMALL: 1024, MIDDLE: 64 * 1024, ZIPPED: 64 * 1024, BIG: 10 * MIB, HUGE: 100 * MIB}
_AGE = 86_400  # seconds: no peer takes them for files that are still being written


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory of files whose bytes are known; a plain value."""

    root: str
    digests: dict[str, bytes]

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Give the bytes of a file, or of a part of it."""
        with open(os.path.join(self.root, name), "rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)


def make_tree(root: str, names: set[str]) -> Tree:
    """Write the files, the same ones at each run; their sidecars too."""
    chance = random.Random(20)
    digests = {}
    modified = time.time_ns() - _AGE * 10**9
    for name in sorted(names):
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for block in _blocks(chance, name):
                file.write(block)
                digest.update(block)
        digests[name] = digest.digest()
        os.utime(path, ns=(modified, modified))
        if name == ZIPPED:
            body = gzip.compress(path.read_bytes())
            path = Path(root, name + ".gz")
            path.write_bytes(body)
            os.utime(path, ns=(modified, modified))
    return Tree(root, digests)


def _blocks(chance: random.Random, name: str) -> list[bytes]:
    size = SIZES[name]
    if name.endswith(".bin"):
        # One MiB of chance, turned by one byte more each time: no two blocks are equal.
        block = chance.randbytes(MIB)
        return [block[n:] + block[:n] for n in range(size // MIB)]
    return [chance.randbytes(size // 3 + 1).hex(" ").encode()[:size]]
