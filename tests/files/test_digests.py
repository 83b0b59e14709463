"""Digests of content: made once a version, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.files import digests as content_digest
from wsgistatic.files.digests import ContentDigests, content_etag
from wsgistatic.files.directory import Directory, OpenFile


class Opener:
    def __init__(self, site: Path, name: str) -> None:
        self.files = Directory(str(site)).resource((name,))
        self.calls = 0
        self.opened: list[OpenFile] = []

    def __call__(self) -> OpenFile:
        self.calls += 1
        self.opened.append(self.files.open())
        return self.opened[-1]

    def close(self) -> None:
        for opened in self.opened:
            opened.close()


def tag_of(tags: ContentDigests, opener: Opener, settled: bool = True) -> bytes | None:
    try:
        return tags.digest(opener.files.stat(), settled, opener)
    finally:
        opener.close()


def test_equal_bytes_have_equal_tags_whatever_the_times(site: Path) -> None:
    (site / "copy.txt").write_bytes((site / "hello.txt").read_bytes())
    tags = ContentDigests()
    first, second = tag_of(tags, Opener(site, "hello.txt")), tag_of(tags, Opener(site, "copy.txt"))
    assert first == second
    assert first == hashlib.sha256(b"hello world\n").digest()
    assert content_etag(first) == f'"{first.hex()[:32]}"'
    assert tag_of(tags, Opener(site, "digits.bin")) != first


def test_a_version_is_hashed_once(site: Path) -> None:
    tags, opener = ContentDigests(), Opener(site, "hello.txt")
    assert tag_of(tags, opener) == tag_of(tags, opener)
    assert opener.calls == 1
    (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
    age(site / "hello.txt")  # same size, same mtime: only ctime tells
    tag_of(tags, opener)
    assert opener.calls == 2


def test_what_is_not_settled_is_not_kept(site: Path) -> None:
    tags, opener = ContentDigests(), Opener(site, "hello.txt")
    assert tag_of(tags, opener, settled=False) == tag_of(tags, opener, settled=False)
    assert opener.calls == 2


def test_a_file_that_changed_since_its_status_has_no_tag(site: Path) -> None:
    tags, opener = ContentDigests(), Opener(site, "hello.txt")
    status = opener.files.stat()
    (site / "hello.txt").write_bytes(b"longer than it was")
    assert tags.digest(status, True, opener) is None
    opener.close()


def test_memory_is_bounded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_digest, "_KEPT", 2)
    tags = ContentDigests()
    openers = [Opener(site, name) for name in ("hello.txt", "digits.bin", "empty.bin")]
    for opener in (openers[0], openers[1], openers[0], openers[2]):
        tag_of(tags, opener)  # the second is the one not used for longest
    tag_of(tags, openers[0])
    tag_of(tags, openers[1])
    assert [opener.calls for opener in openers] == [1, 2, 1]


def test_a_file_that_changes_while_it_is_hashed_has_no_tag(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags, opener = ContentDigests(), Opener(site, "hello.txt")
    hash_content = content_digest.hash_content

    def hash_late(*arguments: Any) -> bytes:
        (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
        return hash_content(*arguments)

    monkeypatch.setattr(content_digest, "hash_content", hash_late)
    assert tag_of(tags, opener) is None
    assert opener.calls == 1


def test_the_file_is_hashed_from_its_start(site: Path) -> None:
    tags, opener = ContentDigests(), Opener(site, "digits.bin")

    def opened_in_the_middle() -> OpenFile:
        opened = opener()
        opened.file.seek(500)
        return opened

    middle = tags.digest(opener.files.stat(), False, opened_in_the_middle)
    assert opener.opened[0].file.tell() == 0
    opener.close()
    assert middle == tag_of(tags, opener)


CLIENTS = 8


class Meeting:
    """Takes the place of ``hash_content``: the first waits until all others have begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, outcomes: list[Exception | None]) -> None:
        self.calls = 0
        self._begun = threading.Semaphore(0)
        self._hash = content_digest.hash_content
        self._outcomes = iter(outcomes)
        monkeypatch.setattr(content_digest, "hash_content", self)

    def begin(self) -> None:
        self._begun.release()

    def __call__(self, *arguments: Any) -> bytes:
        self.calls += 1
        if self.calls == 1:
            for _ in range(CLIENTS):
                assert self._begun.acquire(timeout=60)
            settle()  # they have come as far as they can
        outcome = next(self._outcomes, None)
        if outcome is not None:
            raise outcome
        return self._hash(*arguments)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/digits.bin", "/sub/index.html"])
def test_equal_first_requests_hash_a_version_once(
    site: Path, path: str, method: str, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    settle()
    meeting = Meeting(monkeypatch, [])
    app = StaticFiles(None, site, etag="content")

    def ask(_: int) -> tuple[int, str]:
        meeting.begin()
        result = call_raw(app, make_environ(path, method))
        return result.status, result.headers["ETag"]

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(ask, range(CLIENTS)))
    digest = hashlib.sha256((site / path[1:]).read_bytes()).digest()
    assert answers == [(200, content_etag(digest))] * CLIENTS
    assert meeting.calls == 1


def test_a_reader_that_fails_leaves_the_work_to_the_next(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    settle()
    meeting = Meeting(monkeypatch, [OSError(5, "Input/output error"), None])
    app = StaticFiles(None, site, etag="content")

    def ask(_: int) -> int:
        meeting.begin()
        return call_raw(app, make_environ("/digits.bin")).status

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sorted(clients.map(ask, range(CLIENTS))) == [*[200] * (CLIENTS - 1), 500]
    assert meeting.calls == 2


def test_nothing_is_kept_of_who_waited(site: Path) -> None:
    tags, opener = ContentDigests(), Opener(site, "digits.bin")
    tag_of(tags, opener)
    assert len(tags._under_way) == 0
