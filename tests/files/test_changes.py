"""A file that changes while it is sent: the response is complete, or visibly broken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.conftest import age, record_reads
from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import (
    ChangeDetector,
    FileChangedError,
    is_unchanged,
    read_content,
    read_fully,
)
from wsgistatic.files.directory import OpenFile, single_file
from wsgistatic.files.versions import RegularFile
from wsgistatic.http.ranges import Multipart

BLOCK = 1000
SIZE = 4 * BLOCK
OLD_CONTENT = bytes(range(250)) * 16
Change = Callable[[Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(OLD_CONTENT)
    age(path)
    return path


def open_file(path: Path) -> OpenFile:
    return single_file(str(path)).open()


def body_of(opened: OpenFile, *, suspect: bool = False) -> BlockIterator:
    return BlockIterator(
        opened.file, 0, SIZE, BLOCK, ChangeDetector(opened.file, opened.status, suspect=suspect)
    )


def truncate(path: Path) -> None:
    os.truncate(path, SIZE // 2)


def truncate_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    path.write_bytes(b"n" * SIZE)


def rewrite_between_two_samples(path: Path) -> None:
    path.write_bytes(OLD_CONTENT[:1] + b"n" + OLD_CONTENT[2:])


def rewrite_with_the_same_mtime(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"n" * SIZE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite_longer(path: Path) -> None:
    path.write_bytes(b"n" * (SIZE + 500))


def rewrite_longer_after_the_same_header(path: Path) -> None:
    path.write_bytes(OLD_CONTENT[:64] + b"n" * (SIZE + 500))


def insert_a_line(path: Path) -> None:
    path.write_bytes(b"new line\n" + OLD_CONTENT)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"appended")


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"n" * SIZE)
    path.with_suffix(".new").replace(path)


def remove(path: Path) -> None:
    path.unlink()


def change_mode(path: Path) -> None:
    path.chmod(0o600)


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize(
    "change",
    [
        truncate,
        truncate_to_nothing,
        rewrite,
        rewrite_between_two_samples,
        rewrite_with_the_same_mtime,
        rewrite_longer,
        rewrite_longer_after_the_same_header,
        insert_a_line,
    ],
)
def test_truncation_and_rewrite_break_the_body(path: Path, change: Change, after: int) -> None:
    body = body_of(open_file(path))
    sent = [next(body) for _ in range(after)]
    change(path)
    with pytest.raises(OSError, match=r"changed|ended"):
        sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT[: len(b"".join(sent))]
    assert len(b"".join(sent)) < SIZE


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize(
    "change", [append, pytest.param(replace, marks=pytest.mark.unlocked_files), remove, change_mode]
)
def test_growth_and_replacement_do_not_break_the_body(
    path: Path, change: Change, after: int
) -> None:
    body = body_of(open_file(path))
    sent = [next(body) for _ in range(after)]
    change(path)
    sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT


def test_append_whose_mtime_changes_before_the_size(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of(open_file(path))
    sent = [next(body)]
    os.utime(path)
    now_ns = path.stat().st_ctime_ns + 1  # the rest of the append may still follow
    monkeypatch.setattr("wsgistatic.files.changes.time.time_ns", lambda: now_ns)
    monkeypatch.setattr("wsgistatic.files.changes.time.sleep", lambda seconds: append(path))
    sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT


def test_rewrite_of_a_suspect_file_that_no_time_stamp_shows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A rewrite within one tick of the kernel's clock leaves the size and all time stamps the same.
    assert b"".join(body_of(open_file(path), suspect=True)) == OLD_CONTENT
    opened = open_file(path)
    body = body_of(opened, suspect=True)
    sent = [next(body), next(body)]
    path.write_bytes(b"n" * SIZE)
    monkeypatch.setattr(os, "fstat", lambda descriptor: opened.status)
    with pytest.raises(FileChangedError):
        sent.extend(body)


@pytest.mark.parametrize("shows_in_status", [True, False])
def test_rewrite_of_a_new_file_is_noticed_before_the_next_block(
    path: Path, shows_in_status: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = path.stat().st_ctime_ns  # the tick of the kernel's clock in which it was written
    monkeypatch.setattr("wsgistatic.files.changes.time.time_ns", lambda: now_ns)
    opened = open_file(path)
    body = body_of(opened, suspect=True)
    next(body)
    rewrite_longer(path)
    if not shows_in_status:
        monkeypatch.setattr(os, "fstat", lambda descriptor: opened.status)
    with pytest.raises(FileChangedError):
        next(body)


@pytest.mark.change_times
def test_new_file_is_read_again_until_its_next_change_would_show(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_file(path)
    now_ns = opened.status.st_ctime_ns
    monkeypatch.setattr("wsgistatic.files.changes.time.time_ns", lambda: now_ns)
    body = body_of(opened, suspect=True)
    sent = [next(body), next(body)]
    now_ns += 3_000_000_000
    reads = record_reads(monkeypatch)
    sent.append(next(body))
    assert [read.offset for read in reads] == [2 * BLOCK, 2 * BLOCK, 0, BLOCK]
    reads.clear()
    sent.append(next(body))
    assert b"".join(sent) == OLD_CONTENT
    assert [read.offset for read in reads] == [3 * BLOCK, 3 * BLOCK, 0, BLOCK, 2 * BLOCK]


def test_all_parts_of_a_multipart_body_are_checked(path: Path) -> None:
    def parts() -> Iterator[bytes]:
        opened = open_file(path)
        multipart = Multipart([(3000, 4000), (0, 1500)], SIZE, "text/plain")
        return MultipartIterator(
            opened.file, multipart, BLOCK, ChangeDetector(opened.file, opened.status, suspect=False)
        )

    assert len(list(parts())) == 4
    body = parts()
    next(body), next(body)
    append(path)
    assert len(list(body)) == 2
    age(path)
    body = parts()
    next(body), next(body)
    insert_a_line(path)
    with pytest.raises(FileChangedError):
        list(body)


def test_growing_file_whose_sent_bytes_are_rewritten(path: Path) -> None:
    # A log that keeps growing, and whose header, which was sent already, is then rewritten.
    body = body_of(open_file(path))
    sent = [next(body)]
    append(path)
    sent.append(next(body))
    with path.open("r+b") as file:
        file.seek(0)
        file.write(b"changed header")
        file.seek(0, os.SEEK_END)
        file.write(b"and more")
    with pytest.raises(FileChangedError):
        sent.extend(body)


@pytest.mark.parametrize("change", [append, rewrite_longer])
def test_long_response_is_checked_by_a_selection_of_its_blocks(
    path: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_file(path)
    body = BlockIterator(
        opened.file, 0, SIZE, 4, ChangeDetector(opened.file, opened.status, suspect=False)
    )
    sent = [next(body) for _ in range(SIZE // 4 - 1)]
    change(path)
    reads = record_reads(monkeypatch)
    with pytest.raises(FileChangedError) if change is rewrite_longer else nullcontext():
        sent.extend(body)
        assert b"".join(sent) == OLD_CONTENT
        assert 200 < len(reads) < 260
        assert max(reads[2:]).offset > SIZE * 0.9


def test_block_that_changes_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_file(path)

    def rewrite_unseen(descriptor: int) -> os.stat_result:
        path.write_bytes(b"n" * SIZE)
        return opened.status

    monkeypatch.setattr(os, "fstat", rewrite_unseen)
    with opened, pytest.raises(FileChangedError):
        body_of(opened, suspect=True)


@pytest.mark.unlocked_files
def test_file_that_is_replaced_before_its_first_block_is_read(path: Path) -> None:
    opened = open_file(path)
    replace(path)
    assert b"".join(body_of(opened)) == OLD_CONTENT


def test_growth_before_the_first_block_counts_as_a_change(path: Path) -> None:
    opened = open_file(path)
    append(path)
    with pytest.raises(FileChangedError):
        body_of(opened)
    assert opened.file.closed


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (append, False),
        (remove, False),
        (change_mode, False),
        (truncate, True),
        (rewrite, True),
        (rewrite_with_the_same_mtime, False),  # no time stamp that it compares shows this
    ],
)
def test_is_unchanged(path: Path, change: Change, expected: bool) -> None:
    with open_file(path) as opened:
        assert is_unchanged(opened.file, opened.status)
        change(path)
        with pytest.raises(FileChangedError) if expected else nullcontext():
            while not is_unchanged(opened.file, opened.status):
                pass  # an append may be in progress


def test_rewrite_is_certain_at_the_same_time_for_all_responses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [body_of(open_file(path)) for _ in range(20)]
    for body in bodies:
        next(body)
    rewrite(path)
    with pytest.raises(FileChangedError):
        next(bodies.pop())
    monkeypatch.setattr("wsgistatic.files.changes.time.sleep", None)  # no need to wait again
    for body in bodies:
        with pytest.raises(FileChangedError):
            next(body)


def test_file_that_is_touched_all_the_time_is_not_waited_for_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of(open_file(path))
    next(body)
    os.utime(path)
    monkeypatch.setattr("wsgistatic.files.changes.time.sleep", lambda seconds: os.utime(path))
    with pytest.raises(FileChangedError):
        next(body)


@pytest.mark.parametrize("change", [append, truncate, rewrite])
def test_read_content_of_a_file_that_changes_before_it_is_read(path: Path, change: Change) -> None:
    with open_file(path) as opened:
        assert read_content(opened.file, opened.status) == OLD_CONTENT
        change(path)
        with pytest.raises(FileChangedError):
            read_content(opened.file, opened.status)


def test_read_content_of_a_file_that_ends_early_although_its_status_is_the_same(
    path: Path,
) -> None:
    class EndsEarly(RegularFile):
        def read_at(self, offset: int, size: int) -> bytes:
            return super().read_at(offset, min(size, SIZE - 3 - offset))

    status = path.stat()
    with (
        EndsEarly(os.open(path, os.O_RDONLY)) as file,
        pytest.raises(FileChangedError),
    ):
        read_content(file, status)


@pytest.mark.parametrize(
    ("offset", "size", "expected", "reads"),
    [
        (0, 10, 10, [10]),
        (SIZE - 4, 10, 4, [4, 0]),
        (SIZE, 10, 0, [0]),
        (0, 0, 0, []),
        (9, -1, 0, []),
    ],
)
def test_read_fully_reads_up_to_the_end(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offset: int,
    size: int,
    expected: int,
    reads: list[int],
) -> None:
    with single_file(str(path)).open() as opened:
        recorded = record_reads(monkeypatch)
        assert read_fully(opened.file, offset, size) == OLD_CONTENT[offset : offset + expected]
    assert [read.size for read in recorded] == reads
