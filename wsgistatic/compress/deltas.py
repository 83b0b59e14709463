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
    DCZ_HEAD,
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
    """

    def __init__(self, files: Iterable[File]) -> None:
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
        known = {sha256(read_content(file.file, file.status)).hexdigest()}
        codings: list[Coding] = []
        for older in older_versions:
            with older.open() as opened:
                if not 0 < opened.status.st_size <= MAX_SIZE:
                    continue
                content = read_content(opened.file, opened.status)
            digits = sha256(content).hexdigest()
            if digits not in known and len(codings) < _MAX_DELTAS:
                known.add(digits)
                codings.append(delta_coding(digits, content))
        return codings


def dictionaries_from(directories: Iterable[str]) -> Dictionaries | None:
    """Return the files of older releases as dictionaries; None if there are no directories.

    Raises OSError if a directory cannot be read.
    """
    trees = [find_originals(directory) for directory in directories]
    return Dictionaries(chain.from_iterable(tree.files for tree in trees)) if trees else None


def _key(file: File) -> tuple[str, ...]:
    return (*file.segments[:-1], name_pattern(file.segments[-1]))


def delta_coding(dictionary: str, content: bytes = b"") -> Coding:
    """Return the coding of deltas for a dictionary, given by its SHA-256 and its content.

    Without the content it serves to recognise deltas, not to write or to read them.
    """
    zstd = CODINGS["zstd"]

    def load() -> Codec:
        codec = zstd_codec(content)

        def encoder(level: int, size: int) -> Encoder:
            header, compress, finish = codec.encoder(level, size)
            return DCZ_MAGIC + bytes.fromhex(dictionary) + header, compress, finish

        def decode(blocks: Iterable[bytes]) -> Generator[bytes, None, bool]:
            return codec.decode(_without_head(blocks, dictionary))

        return Codec(encoder, decode, codec.errors)

    return Coding(
        *(DCZ, delta_suffix(dictionary), zstd.package, zstd.levels, zstd.level, load),
        lambda head, tail, size: delta_fault(head, dictionary, size),
    )


def _without_head(blocks: Iterable[bytes], dictionary: str) -> Iterator[bytes]:
    head, rest = b"", iter(blocks)
    for block in rest:
        head += block
        if len(head) >= DCZ_HEAD:
            break
    if head[:DCZ_HEAD] != DCZ_MAGIC + bytes.fromhex(dictionary):
        raise ValueError("not a delta for this dictionary")
    yield head[DCZ_HEAD:]
    yield from rest
