"""What a stat does not show is checked once a second, for all files of a folder at a time."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import call
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.files.directory import Directory
from wsgistatic.files.folders import _EXACT_FILE_SYSTEMS
from wsgistatic.files.linux import LINUX
from wsgistatic.files.symlinks import PathWalker, Symlinks
from wsgistatic.representations import cache as module
from wsgistatic.representations.checks import FolderCheck
from wsgistatic.representations.sidecars import _FOLDERS

pytestmark = [
    pytest.mark.disk,
    pytest.mark.live,
    pytest.mark.memory_cache,
    pytest.mark.usefixtures("way"),
    pytest.mark.skipif(
        LINUX.file_system_type("/tmp") not in _EXACT_FILE_SYSTEMS,
        reason="needs a file system of Linux whose time stamps are known to be exact",
    ),
]
CONTENT = b"text of a file\n" * 20
PATHS = ("/sub/0.txt", "/sub/1.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a root, known to have no sidecars."""
    path = tmp_path / "root" / "sub"
    path.mkdir(parents=True)
    for name in ("0.txt", "1.txt"):
        (path / name).write_bytes(CONTENT)
        age(path / name)
    learn(path)
    return path


def learn(folder: Path) -> None:
    settle()
    while not _FOLDERS.is_bare(str(folder)):
        pass


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets so many seconds pass on the monotonic clock, which stands."""
    now = time.monotonic()

    def let_pass(count: float) -> None:
        nonlocal now
        now += count
        for name in (
            "files.directory", "representations.cache", "representations.cached_file",
            "wsgi.middleware", "wsgi.responder",
        ):  # fmt: skip
            monkeypatch.setattr(f"wsgistatic.{name}.monotonic", lambda: now)

    let_pass(0.0)
    return let_pass


def sharing(folder: Path, seconds: Any, **options: Any) -> StaticFiles:
    """Return an app whose cached files share the check of their folder."""
    app = StaticFiles(None, folder.parent, **options)
    for _ in range(2):  # at the second check it is known that no link leads to the files
        for path in PATHS:
            assert call(app, path).body == CONTENT
        seconds(1.1)
    assert len({id(check_of(app, path)) for path in PATHS}) == 1
    return app


def check_of(app: StaticFiles, path: str = PATHS[0]) -> FolderCheck:
    check = app._files[path].check
    assert isinstance(check, FolderCheck)
    return check


def test_a_new_sidecar_is_found_within_a_second(folder: Path, seconds: Any) -> None:
    app = sharing(folder, seconds)
    (folder / "0.txt.gz").write_bytes(gzip.compress(CONTENT))
    seconds(1.1)
    result = call(app, PATHS[0], HTTP_ACCEPT_ENCODING="gzip")
    assert result.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in call(app, PATHS[1], HTTP_ACCEPT_ENCODING="gzip").headers
    assert not isinstance(app._files[PATHS[1]].check, FolderCheck)


def test_files_share_the_check_again_after_another_file_was_added(
    folder: Path, seconds: Any
) -> None:
    app = sharing(folder, seconds)
    variant = app._files[PATHS[0]].only
    (folder / "2.txt").write_bytes(CONTENT)
    seconds(1.1)
    assert call(app, PATHS[0]).body == CONTENT
    assert not isinstance(app._files[PATHS[0]].check, FolderCheck)
    learn(folder)
    seconds(1.1)
    assert call(app, PATHS[0]).body == CONTENT
    assert check_of(app).source(str(folder / "0.txt")).segments == ("sub", "0.txt")
    assert app._files[PATHS[0]].only is variant


@pytest.mark.parametrize("symlinks", ["inside", "deny", "follow"])
def test_a_folder_that_is_moved_out_of_the_root(
    folder: Path, seconds: Any, symlinks: Symlinks
) -> None:
    app = sharing(folder, seconds, symlinks=symlinks)
    folder.rename(folder.parent.parent / "private")
    folder.symlink_to("../private")
    seconds(1.1)
    for path in PATHS:
        for extra in ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_IF_NONE_MATCH": "*"}):
            assert (call(app, path, **extra).status == 404) is (symlinks != "follow")


@pytest.mark.parametrize("symlinks", ["inside", "deny", "follow"])
def test_a_folder_above_that_is_moved_out_of_the_root(
    tmp_path: Path, seconds: Any, way: str, symlinks: Symlinks
) -> None:
    """The folder of the files does not change at all, so only its path shows it."""
    above, private = tmp_path / "root/above", tmp_path / "private"
    folder = above / "sub"
    folder.mkdir(parents=True)
    (folder / "0.txt").write_bytes(CONTENT)
    age(folder / "0.txt")
    learn(folder)
    app = StaticFiles(None, above.parent, symlinks=symlinks)
    for _ in range(2):
        assert call(app, "/above/sub/0.txt").body == CONTENT
        seconds(1.1)
    check_of(app, "/above/sub/0.txt")
    above.rename(private)
    above.symlink_to("../private")
    seconds(1.1)
    for _ in range(2):
        assert call(app, "/above/sub/0.txt").status == (200 if symlinks == "follow" else 404)
    # The link leads inside the root again, where "inside" allows it.
    above.unlink()
    private.rename(tmp_path / "root/moved")
    above.symlink_to("moved")
    seconds(1.1)
    assert call(app, "/above/sub/0.txt").status == (404 if symlinks == "deny" else 200)


def test_a_clock_that_is_set_back(
    folder: Path, seconds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = sharing(folder, seconds)
    assert "Last-Modified" in call(app, PATHS[0]).headers
    before = check_of(app).latest - 100
    monkeypatch.setattr(time, "time", lambda: before)
    monkeypatch.setattr(time, "time_ns", lambda: before * 1_000_000_000)
    seconds(1.1)
    for path in PATHS:
        assert "Last-Modified" not in call(app, path).headers


def test_a_file_that_gets_its_date_later_has_a_check_of_its_own(folder: Path, seconds: Any) -> None:
    (folder / "new.txt").write_bytes(CONTENT)
    learn(folder)
    app = StaticFiles(None, folder.parent)
    assert "Last-Modified" not in call(app, "/sub/new.txt").headers
    assert not isinstance(app._files["/sub/new.txt"].check, FolderCheck)


def test_a_file_behind_a_link_has_a_check_of_its_own(folder: Path, seconds: Any) -> None:
    (folder / "link.txt").symlink_to("0.txt")
    learn(folder)
    app = sharing(folder, seconds)
    for _ in range(3):
        assert call(app, "/sub/link.txt").body == CONTENT
        seconds(1.1)
    assert not isinstance(app._files["/sub/link.txt"].check, FolderCheck)


def test_the_number_of_folders_is_bounded(
    folder: Path, seconds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_FOLDERS", 2)
    app = StaticFiles(None, folder.parent, encodings=())
    for number in range(5):
        other = folder.parent / str(number)
        other.mkdir()
        (other / "a.txt").write_bytes(CONTENT)
        age(other / "a.txt")
        settle()
        for _ in range(2):
            assert call(app, f"/{number}/a.txt").body == CONTENT
            seconds(1.1)
        check_of(app, f"/{number}/a.txt")
        assert len(app._cache._folders) <= 2


@pytest.mark.parametrize("by_path", [False, True])
def test_whether_a_link_leads_to_a_folder(folder: Path, by_path: bool) -> None:
    root = folder.parent
    (root / "link").symlink_to("sub")
    (root / "file").touch()
    for symlinks, expected in (("inside", False), ("deny", False), ("follow", True)):
        directory = Directory(str(root), symlinks)  # type: ignore[arg-type]
        if by_path and symlinks != "follow":
            directory._walker = PathWalker(str(root), symlinks)  # type: ignore[arg-type]
        assert directory.leads_straight(())
        assert directory.leads_straight(("sub",))
        assert directory.leads_straight(("link",)) is expected
        assert directory.leads_straight(("nothing",)) is expected
