"""Deltas: sidecars that are compressed with an older version of their file as the dictionary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from hashlib import sha256
from itertools import chain

from wsgistatic.compress.originals import find_originals
from wsgistatic.files.changes import read_content
from wsgistatic.files.directory import File, OpenFile
from wsgistatic.http.codings import CODINGS, Codec, Coding, Encoder, zstd_codec
from wsgistatic.http.dictionaries import (
    DCZ,
    DCZ_MAGIC,
    MAX_SIZE,
    delta_fault,
    delta_suffix,
    is_eligible,
    name_pattern,
)

# Browsers hold one dictionary for a name. A cache keeps one response for each delta, so more of
# them cost every cache on the way.
_MAX_DELTAS = 3
# A delta must be smaller than the best coding by a fifth: it is used by few visits, and costs a
# header field of 100 bytes in each direction.
MAX_RATIO = 0.8


class Dictionaries:
    """Older versions of files, by folder and name without the content hash.

    Arguments:
        files: The older versions, in any order. Of those of one file, the three with the newest
            modification times are used.

    Raises ImportError if zstd is not installed.
    """

    def __init__(self, files: Iterable[File]) -> None:
        try:
            zstd_codec(None)
        except ImportError:
            raise ImportError("deltas need zstandard: pip install zstandard") from None
        found: dict[tuple[str, ...], list[tuple[int, File]]] = defaultdict(list)
        for file in files:
            if is_eligible(file.segments[-1]):
                found[_key(file)].append((-file.stat().st_mtime_ns, file))
        self._files = {
            key: [file for _, file in sorted(versions, key=lambda one: (one[0], one[1].path))]
            for key, versions in found.items()
        }

    def codings_for(self, file: OpenFile, segments: tuple[str, ...]) -> list[Coding]:
        """Return a coding for each older version of a file, the newest first.

        Raises OSError if an older version cannot be read.
        """
        older_versions = self._files.get((*segments[:-1], name_pattern(segments[-1])), ())
        if not older_versions or file.status.st_size > MAX_SIZE:
            return []
        target = sha256(read_content(file.file, file.status))
        known = {target.hexdigest()}
        codings: list[Coding] = []
        for older in older_versions:
            with older.open() as opened:
                if not 0 < opened.status.st_size <= MAX_SIZE:
                    continue
                content = read_content(opened.file, opened.status)
            digits = sha256(content).hexdigest()
            if digits not in known and len(codings) < _MAX_DELTAS:
                known.add(digits)
                codings.append(delta_coding(digits, content, target.digest()))
        return codings


def dictionaries_from(directories: Iterable[str]) -> Dictionaries | None:
    """Return the files of older releases as dictionaries; None if there are no directories.

    Raises OSError if a directory cannot be read, and ImportError if zstd is not installed.
    """
    trees = [find_originals(directory) for directory in directories]
    return Dictionaries(chain.from_iterable(tree.files for tree in trees)) if trees else None


def _key(file: File) -> tuple[str, ...]:
    return (*file.segments[:-1], name_pattern(file.segments[-1]))


def delta_coding(dictionary: str, content: bytes = b"", target: bytes = b"") -> Coding:
    """Return the coding of the deltas of one file for a dictionary.

    With the first argument alone it serves to recognise deltas, not to write or to read them.

    Arguments:
        dictionary: The SHA-256 of the dictionary, in hexadecimal digits.
        content: The bytes of the dictionary.
        target: The SHA-256 of the file.
    """
    zstd = CODINGS["zstd"]
    head, tail = DCZ_MAGIC + bytes.fromhex(dictionary), DCZ_MAGIC + target

    def load() -> Codec:
        codec = zstd_codec(content)

        def encoder(level: int, size: int) -> Encoder:
            header, compress, finish = codec.encoder(level, size)
            return head + header, compress, lambda: finish() + tail

        def decode(blocks: Iterable[bytes]) -> Generator[bytes, None, bool]:
            return codec.decode(_between(blocks, head, tail))

        return Codec(encoder, decode, codec.errors)

    return Coding(
        *(DCZ, delta_suffix(dictionary), zstd.package, zstd.levels, zstd.level, load),
        lambda first, last, size: delta_fault(first, dictionary, size),
    )


def _between(blocks: Iterable[bytes], head: bytes, tail: bytes) -> Iterator[bytes]:
    """Yield the bytes between the head and the tail; raise ValueError if these differ."""
    rest, source = b"", iter(blocks)
    while len(rest) < len(head) and (block := next(source, b"")):
        rest += block
    if not rest.startswith(head):
        raise ValueError("not a delta for this dictionary")
    rest = rest[len(head) :]
    for block in source:
        rest += block
        if len(rest) > len(tail):
            yield rest[: -len(tail)]
            rest = rest[-len(tail) :]
    if not rest.endswith(tail):
        raise ValueError("not a delta of this file")
    yield rest[: -len(tail)]
