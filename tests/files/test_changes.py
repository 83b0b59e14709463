"""A file that changes while it is sent: whole, or visibly broken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import age
from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import FileChangedError, Watch
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


def body_of(path: Path, *, doubtful: bool = False) -> BlockIterator:
    file = open(path, "rb", buffering=0)  # noqa: SIM115
    watch = Watch(file, os.fstat(file.fileno()), doubtful)
    return BlockIterator(file, 0, SIZE, BLOCK, watch)


def truncate(path: Path) -> None:
    os.truncate(path, SIZE // 2)


def truncate_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    path.write_bytes(b"n" * SIZE)


def rewrite_between_two_samples(path: Path) -> None:
    path.write_bytes(OLD_CONTENT[:1] + b"n" + OLD_CONTENT[2:])


def rewrite_with_the_same_times(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"n" * SIZE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite_longer(path: Path) -> None:
    path.write_bytes(b"n" * (SIZE + 500))


def rewrite_longer_behind_the_same_header(path: Path) -> None:
    path.write_bytes(OLD_CONTENT[:64] + b"n" * (SIZE + 500))


def shift(path: Path) -> None:
    path.write_bytes(b"new line\n" + OLD_CONTENT)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"appended")


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"n" * SIZE)
    path.with_suffix(".new").rename(path)


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
        rewrite_with_the_same_times,
        rewrite_longer,
        rewrite_longer_behind_the_same_header,
        shift,
    ],
)
def test_broken_when_truncated_or_rewritten(path: Path, change: Change, after: int) -> None:
    body = body_of(path)
    sent = [next(body) for _ in range(after)]
    change(path)
    with pytest.raises(OSError, match=r"changed|ended"):
        sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT[: len(b"".join(sent))]
    assert len(b"".join(sent)) < SIZE


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("change", [append, replace, remove, change_mode])
def test_whole_when_grown_or_replaced(path: Path, change: Change, after: int) -> None:
    body = body_of(path)
    sent = [next(body) for _ in range(after)]
    change(path)
    sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT


def test_an_append_whose_mtime_shows_before_its_size(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of(path)
    sent = [next(body)]
    os.utime(path)
    monkeypatch.setattr("wsgistatic.files.changes.time.sleep", lambda seconds: append(path))
    sent.extend(body)
    assert b"".join(sent) == OLD_CONTENT


def test_a_change_that_the_clock_does_not_show(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Same size and same mtime: what a rewrite within one tick of the kernel's clock looks like.
    watch_everything = body_of(path, doubtful=True)
    assert b"".join(watch_everything) == OLD_CONTENT
    body = body_of(path, doubtful=True)
    sent = [next(body), next(body)]
    opened = os.fstat(body._file.fileno())
    path.write_bytes(b"n" * SIZE)
    monkeypatch.setattr(os, "fstat", lambda descriptor: opened)
    with pytest.raises(FileChangedError):
        sent.extend(body)


def test_multipart_is_watched_over_its_parts(path: Path) -> None:
    def parts() -> Iterator[bytes]:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
        watch = Watch(file, os.fstat(file.fileno()), doubtful=False)
        multipart = Multipart([(3000, 4000), (0, 1500)], SIZE, "text/plain")
        return MultipartIterator(file, multipart, BLOCK, watch)

    assert len(list(parts())) == 4
    body = parts()
    next(body), next(body)
    append(path)
    assert len(list(body)) == 2
    age(path)
    body = parts()
    next(body), next(body)
    shift(path)
    with pytest.raises(FileChangedError):
        list(body)


def test_content_that_changes_between_two_reads(path: Path) -> None:
    # A log that grows all the time, and is rewritten in one place that was already read.
    body = body_of(path)
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


def test_a_block_that_changes_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = path.stat()

    def rewrite_unseen(descriptor: int) -> os.stat_result:
        path.write_bytes(b"n" * SIZE)
        return opened

    monkeypatch.setattr(os, "fstat", rewrite_unseen)
    with open(path, "rb", buffering=0) as file, pytest.raises(FileChangedError):
        BlockIterator(file, 0, SIZE, BLOCK, Watch(file, opened, doubtful=True))


def test_a_file_replaced_before_its_first_block_goes_out_whole(path: Path) -> None:
    file = open(path, "rb", buffering=0)  # noqa: SIM115
    watch = Watch(file, os.fstat(file.fileno()), doubtful=False)
    replace(path)
    assert b"".join(BlockIterator(file, 0, SIZE, BLOCK, watch)) == OLD_CONTENT


def test_growth_before_the_first_block_is_looked_at_anew(path: Path) -> None:
    file = open(path, "rb", buffering=0)  # noqa: SIM115
    watch = Watch(file, os.fstat(file.fileno()), doubtful=False)
    append(path)
    with pytest.raises(FileChangedError):
        BlockIterator(file, 0, SIZE, BLOCK, watch)
    assert file.closed
