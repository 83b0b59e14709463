"""Response bodies that read a file block by block.

Strategy: a body counts its own bytes and seeks for itself, so that every server sends exactly
what Content-Length says (facts: with ``fileno`` or a file wrapper many send to the end of the
file). There is one block in memory at a time. A read that ends early raises: a client must see
a broken response, not a short one. The file is closed by the last block, by any error, and by
``close()``, since some servers never call that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain, takewhile
from typing import BinaryIO

from wsgistatic.files.changes import FileChangedError, Watch, read_fully
from wsgistatic.http.ranges import ByteRange, Multipart

_Step = tuple[bytes, int, int]  # what comes before a block; its offset and size

logger = logging.getLogger("wsgistatic")

DEFAULT_BLOCK_SIZE = 256 * 1024  # bytes; the knee of rate over size on every server measured


class _FileBody:
    """What the two kinds of body share: reading, watching, closing.

    It takes part in no reference cycle: where a server drops a body without closing it, the
    file is closed at once.
    """

    def __init__(
        self,
        file: BinaryIO,
        ranges: Sequence[ByteRange],
        steps: Iterator[_Step],
        block_size: int,
        watch: Watch | None,
        label: str,
    ) -> None:
        self._file = file
        self._ranges = ranges
        self._steps = steps
        self._block_size = block_size
        self._watch = watch
        self._label = label
        self._unread = sum(stop - start for start, stop in ranges)
        # The first block is read at once: from then on a rewrite can be told from growth.
        self._first = self._advance()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block, self._first = self._first, None
        if block is None:
            try:
                block = self._advance()
            except OSError as error:
                logger.error("%a: %s", self._label, error)
                raise
            if block is None:
                raise StopIteration
        return block

    def close(self) -> None:
        """Close the file and forget what was read; as often as you like."""
        self._first = None
        self._file.close()

    def _advance(self) -> bytes | None:
        try:
            step = next(self._steps, None)
            if step is None:
                return None
            head, offset, size = step
            return head + self._read(offset, size) if size else head
        except BaseException:
            self._file.close()
            raise
        finally:
            if not self._unread:
                self._file.close()

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        block = read_fully(self._file, size)
        if len(block) < size:
            raise FileChangedError("the file ended before its length")
        self._unread -= size
        if self._watch is not None:
            note = self._watch.note if self._unread else self._watch.note_last
            note(offset, block, self._read_before(offset))
        return block

    def _read_before(self, last: int) -> Iterator[tuple[int, int]]:
        """Give offset and size of each block before the one at an offset."""
        steps = chain.from_iterable(_steps(*pair, self._block_size) for pair in self._ranges)
        before = takewhile(lambda step: step[1] != last, steps)
        return ((offset, size) for _, offset, size in before)


def _steps(start: int, stop: int, block_size: int, head: bytes = b"") -> Iterator[_Step]:
    for offset in range(start, stop, block_size):
        yield head, offset, min(block_size, stop - offset)
        head = b""


def _multipart_steps(multipart: Multipart, block_size: int) -> Iterator[_Step]:
    for head, (start, stop) in zip(multipart.heads, multipart.ranges, strict=True):
        yield from _steps(start, stop, block_size, head)
    yield multipart.tail, 0, 0


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
        steps = _steps(start, stop, block_size)
        super().__init__(file, ((start, stop),), steps, block_size, watch, label)


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
        steps = _multipart_steps(multipart, block_size)
        super().__init__(file, multipart.ranges, steps, block_size, watch, label)
