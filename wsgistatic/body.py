"""Response bodies that read a file block by block.

Strategy: a body counts its own bytes and seeks for itself, so that every server sends exactly
what Content-Length says (facts: with ``fileno`` or a file wrapper many send to the end of the
file). There is one block in memory at a time. A read that ends early raises: a client must see
a broken response, not a short one. The file is closed by the last block, by any error, and by
``close()``, since some servers never call that.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain, takewhile
from typing import BinaryIO

from wsgistatic.multipart import Multipart
from wsgistatic.ranges import ByteRange
from wsgistatic.watch import FileChangedError, Watch

logger = logging.getLogger("wsgistatic")

DEFAULT_BLOCK_SIZE = 256 * 1024  # bytes; the knee of rate over size on every server measured


class _FileBody(ABC):
    """What the two kinds of body share: reading ranges, watching, closing."""

    def __init__(
        self,
        file: BinaryIO,
        ranges: Sequence[ByteRange],
        block_size: int,
        watch: Watch | None,
        label: str,
    ) -> None:
        self._file = file
        self._ranges = ranges
        self._block_size = block_size
        self._watch = watch
        self._label = label
        self._unread = sum(stop - start for start, stop in ranges)
        self._blocks = self._generate()
        # The first block is read at once: from then on a rewrite can be told from growth.
        self._first = self._advance()

    @abstractmethod
    def _generate(self) -> Iterator[bytes]:
        """Yield the blocks of the body."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block, self._first = self._first, None
        if block is None:
            try:
                block = self._advance()
            except OSError as error:
                logger.error("%s: %s", self._label, error)
                raise
            if block is None:
                raise StopIteration
        return block

    def close(self) -> None:
        """Close the file; as often as you like."""
        self._file.close()

    def _advance(self) -> bytes | None:
        try:
            return next(self._blocks, None)
        except BaseException:
            self.close()
            raise
        finally:
            if not self._unread:
                self.close()

    def _content(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the blocks of one range; keep no reference to a block that was handed out."""
        for offset, size in self._steps(start, stop):
            yield self._read(offset, size)

    def _steps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        for offset in range(start, stop, self._block_size):
            yield offset, min(self._block_size, stop - offset)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        block = self._file.read(size)
        if len(block) < size:
            block = self._read_on(block, size)
        self._unread -= size
        if self._watch is not None:
            note = self._watch.note if self._unread else self._watch.note_last
            note(offset, block, self._steps_before(offset))
        return block

    def _read_on(self, block: bytes, size: int) -> bytes:
        """Go on after a raw read that gave less than it was asked for, as it may."""
        pieces = [block]
        while pieces[-1]:
            size -= len(pieces[-1])
            if not size:
                return b"".join(pieces)
            pieces.append(self._file.read(size))
        raise FileChangedError("the file ended before its length")

    def _steps_before(self, last: int) -> Iterator[tuple[int, int]]:
        steps = chain.from_iterable(self._steps(start, stop) for start, stop in self._ranges)
        return takewhile(lambda step: step[0] != last, steps)


class BlockIterator(_FileBody):
    """Iterate over one range of a file in blocks.

    Arguments:
        file: a seekable binary file; unbuffered, or each byte is copied once more. It is
            closed by the iterator.
        start, stop: the half-open range, in bytes.
        block_size: bytes read and handed out at a time.
        watch: looks for changes of the file under way.
        label: a name for the log, where something goes wrong.

    The first block is read at once, the others as they are asked for.

    Raises:
        OSError: here or from ``next()``: the file ends early, changed, or cannot be read.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        stop: int,
        block_size: int = DEFAULT_BLOCK_SIZE,
        watch: Watch | None = None,
        label: str = "file",
    ) -> None:
        super().__init__(file, ((start, stop),), block_size, watch, label)

    def _generate(self) -> Iterator[bytes]:
        return self._content(*self._ranges[0])


class MultipartIterator(_FileBody):
    """Iterate over a multipart/byteranges body: part heads, blocks of content, closing line.

    A head comes with the first block of its part: servers send each block by itself.

    Arguments are those of ``BlockIterator``, with a ``Multipart`` for the range.
    """

    def __init__(
        self,
        file: BinaryIO,
        multipart: Multipart,
        block_size: int = DEFAULT_BLOCK_SIZE,
        watch: Watch | None = None,
        label: str = "file",
    ) -> None:
        self._multipart = multipart
        super().__init__(file, multipart.ranges, block_size, watch, label)

    def _generate(self) -> Iterator[bytes]:
        for head, (start, stop) in zip(self._multipart.heads, self._ranges, strict=True):
            blocks = self._content(start, stop)
            yield head + next(blocks)
            yield from blocks
        yield self._multipart.tail
