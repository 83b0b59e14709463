"""Drafts of sidecars: published in one step, and never served before that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OLD
from wsgistatic.compress import edits
from wsgistatic.compress.edits import Draft, is_stale_draft, redate
from wsgistatic.files import directory as directory_module
from wsgistatic.files.directory import Folder, single_file
from wsgistatic.representations.sidecars import is_fresh


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "app.js"
    path.write_bytes(b"x" * 1000)
    path.chmod(0o640)
    os.utime(path, ns=(OLD * 10**9 + 5, OLD * 10**9 + 123_456_789))
    return path


@pytest.fixture
def folder(original: Path) -> Iterator[Folder]:
    with single_file(str(original)).open_folder() as folder:
        yield folder


@pytest.mark.usefixtures("open_descriptors")
def test_a_draft_appears_when_it_is_published(original: Path) -> None:
    target = original.with_name("app.js.gz")
    with single_file(str(original)).open_folder() as folder, Draft(folder) as draft:
        draft.write(b"one")
        draft.write(b"two")
        assert not target.exists()
        (hidden,) = set(original.parent.iterdir()) - {original}
        assert hidden.name.startswith(".")
        draft.publish(target.name, original.stat())
    assert set(original.parent.iterdir()) == {original, target}
    assert target.read_bytes() == b"onetwo"
    assert target.stat().st_mtime_ns == original.stat().st_mtime_ns
    assert target.stat().st_mode == original.stat().st_mode


@pytest.mark.usefixtures("open_descriptors")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_draft_that_is_not_published_is_deleted(
    original: Path, folder: Folder, error: type
) -> None:
    with pytest.raises(error), Draft(folder) as draft:  # noqa: PT012
        draft.write(b"half")
        raise error
    assert list(original.parent.iterdir()) == [original]


def test_a_short_write_is_continued(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []

    class Slow:
        def write(self, data: memoryview) -> int:
            taken.append(bytes(data[:3]))
            return len(taken[-1])

        def close(self) -> None:
            pass

    with Draft(folder) as draft:
        real: Any = draft
        with real._file:
            real._file, _ = Slow(), real._file
        draft.write(b"abcdefgh")
    assert taken == [b"abc", b"def", b"gh"]


@pytest.mark.permissions
def test_root_copies_the_owner_of_the_original(original: Path, folder: Folder) -> None:
    owner = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(original, *owner)
    target = original.with_name("app.js.gz")
    with Draft(folder) as draft:
        draft.publish(target.name, original.stat())
    assert (target.stat().st_uid, target.stat().st_gid) == owner
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.fixture
def shared_directory(public_directory: Path) -> Path:
    public_directory.chmod(0o777)
    return public_directory


def test_other_users_own_their_sidecars(shared_directory: Path, ordinary_user: None) -> None:
    target = shared_directory / "app.js.gz"
    with single_file(str(target)).open_folder() as folder, Draft(folder) as draft:
        draft.publish(target.name, Path("/etc/passwd").stat())
    assert target.stat().st_uid == os.geteuid() != 0
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.symlinks
def test_a_link_in_place_of_a_draft_is_not_followed(original: Path, folder: Folder) -> None:
    original.chmod(0o666)
    other = original.with_name("other")
    other.write_bytes(b"somebody else's")
    other.chmod(0o600)
    before = other.stat()
    with Draft(folder) as draft:
        (hidden,) = set(original.parent.iterdir()) - {original, other}
        hidden.unlink()
        hidden.symlink_to(other)
        draft.publish("app.js.gz", original.stat())
    after = other.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert after.st_mtime_ns == before.st_mtime_ns


def test_a_platform_without_calls_on_descriptors(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "_HAS_DESCRIPTOR_CHANGES", False)
    monkeypatch.setattr(edits, "_HAS_DESCRIPTOR_CALLS", False)
    test_a_draft_appears_when_it_is_published(original)


def test_a_platform_without_owners(
    original: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.chown", raising=False)
    target = original.with_name("app.js.gz")
    with Draft(folder) as draft:
        draft.publish(target.name, original.stat())
    assert target.exists()


@pytest.mark.parametrize("step", [1_000, 1_000_000_000, 2_000_000_000])
def test_an_mtime_that_the_file_system_rounds_down_does_not_make_a_sidecar_stale(
    original: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    utime = os.utime

    def coarse(path: Any, *, ns: tuple[int, int]) -> None:
        utime(path, ns=(ns[0] // step * step, ns[1] // step * step))

    odd = OLD * 10**9 + 1_123_456_789
    utime(original, ns=(odd, odd))
    monkeypatch.setattr(os, "utime", coarse)
    target = original.with_name("app.js.gz")
    with Draft(folder) as draft:
        draft.publish(target.name, original.stat())
    assert is_fresh(target.stat(), original.stat())


def test_redate_and_remove(original: Path, folder: Folder) -> None:
    target = original.with_name("app.js.gz")
    target.write_bytes(b"sidecar")
    with folder.open(target.name) as file:
        redate(folder, target.name, file, original.stat())
    assert target.stat().st_mtime_ns == original.stat().st_mtime_ns
    folder.remove(target.name)
    assert not target.exists()
    folder.remove(target.name)


def test_only_a_draft_that_nobody_writes_to_is_stale(
    original: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Draft(folder):
        (draft,) = set(original.parent.iterdir()) - {original}
        assert not is_stale_draft(draft.name, draft.stat())
        monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
        assert is_stale_draft(draft.name, draft.stat())
        assert not is_stale_draft(draft.name, original.parent.stat())
    for name in (".wsgistatic-x", ".x.tmp", "app.tmp"):
        assert not is_stale_draft(name, original.stat())


@pytest.mark.symlinks
def test_a_directory_that_is_swapped_for_a_link_gets_nothing(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for directory in (inside, outside):
        directory.mkdir()
        (directory / "app.js.gz").write_bytes(b"before")
    with single_file(str(inside / "app.js")).open_folder() as folder:
        inside.rename(tmp_path / "moved")
        inside.symlink_to(outside)
        with Draft(folder) as draft:
            draft.write(b"after")
            draft.publish("app.js.gz", outside.stat())
        with folder.open("app.js.gz") as file:
            assert file.read() == b"after"
        folder.remove("app.js.gz")
    assert [path.read_bytes() for path in outside.iterdir()] == [b"before"]
    assert list((tmp_path / "moved").iterdir()) == []
