"""Digests of content: made once a version, in bounded memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.conftest import age
from wsgistatic import content_digest
from wsgistatic.content_digest import ContentDigests, content_etag, hash_content
from wsgistatic.directory import Directory, OpenFile


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


def test_a_file_that_changes_while_it_is_hashed_has_no_tag(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_and_change(file: BinaryIO, size: int) -> bytes:
        digest = hash_content(file, size)
        (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
        return digest

    monkeypatch.setattr(content_digest, "hash_content", hash_and_change)
    assert tag_of(ContentDigests(), Opener(site, "hello.txt")) is None


def test_memory_is_bounded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_digest, "_KEPT", 2)
    tags = ContentDigests()
    openers = [Opener(site, name) for name in ("hello.txt", "digits.bin", "empty.bin")]
    for opener in (openers[0], openers[1], openers[0], openers[2]):
        tag_of(tags, opener)  # the second is the one not used for longest
    tag_of(tags, openers[0])
    tag_of(tags, openers[1])
    assert [opener.calls for opener in openers] == [1, 2, 1]


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
