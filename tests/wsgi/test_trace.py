"""Reasons: why a path is not served, for one state of the file system each."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import pytest

from tests.platforms import ON_WINDOWS, make_fifo
from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import not_found_error
from wsgistatic.files.packages import tree_of
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.http.paths import SplitPath, split_path
from wsgistatic.wsgi.trace import Reason, why_missed, why_no_file, why_not_split


@pytest.fixture
def crowded(site: Path) -> Path:
    """The site, with everything in it that can be refused."""
    (site / "odd" / "index.html").mkdir(parents=True)
    (site / "leaky").mkdir()
    if ON_WINDOWS:
        return site
    (site / "to-secret").symlink_to("../secret.txt")
    (site / "to-outside").symlink_to("..")
    (site / "to-sub").symlink_to("sub")
    (site / "to-hello").symlink_to("hello.txt")
    (site / "to-itself").symlink_to(".")
    (site / "to-nothing").symlink_to("nothing")
    (site / "to-loop").symlink_to("to-loop")
    make_fifo(site / "pipe")
    (site / "to-pipe").symlink_to("pipe")
    (site / "leaky" / "index.html").symlink_to("../../secret.txt")
    return site


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/hello.txt", Reason.PASSED),
        ("/sub/", Reason.PASSED),
        ("/sub", Reason.PASSED),
        pytest.param("/to-hello", Reason.PASSED, marks=pytest.mark.symlinks),
        pytest.param("/to-sub/page.html", Reason.PASSED, marks=pytest.mark.symlinks),
        pytest.param("/to-itself/to-itself/hello.txt", Reason.PASSED, marks=pytest.mark.symlinks),
        ("/none.txt", Reason.NOT_THERE),
        ("/none/none.txt", Reason.NOT_THERE),
        ("/none/", Reason.NOT_THERE),
        pytest.param("/hello.txt/x", Reason.BELOW_FILE, marks=pytest.mark.error_numbers),
        ("/hello.txt/", Reason.NOT_A_DIRECTORY),
        pytest.param("/pipe/", Reason.NOT_A_DIRECTORY, marks=pytest.mark.special_files),
        pytest.param("/" + 300 * "x", Reason.NAME_TOO_LONG, marks=pytest.mark.error_numbers),
        ("/bare", Reason.NO_INDEX),
        ("/bare/", Reason.NO_INDEX),
        ("/odd/", Reason.IS_DIRECTORY),
        pytest.param("/leaky/", Reason.LINK_OUTSIDE, marks=pytest.mark.symlinks),
        pytest.param("/pipe", Reason.NOT_REGULAR, marks=pytest.mark.special_files),
        pytest.param("/to-pipe", Reason.NOT_REGULAR, marks=pytest.mark.special_files),
        pytest.param("/to-secret", Reason.LINK_OUTSIDE, marks=pytest.mark.symlinks),
        pytest.param("/to-outside/secret.txt", Reason.LINK_OUTSIDE, marks=pytest.mark.symlinks),
        pytest.param("/to-outside/", Reason.LINK_OUTSIDE, marks=pytest.mark.symlinks),
        pytest.param("/to-nothing", Reason.LINK_TO_NOTHING, marks=pytest.mark.symlinks),
        pytest.param("/to-loop", Reason.LINK_LOOP, marks=pytest.mark.symlinks),
    ],
)
def test_the_reason_for_a_path(crowded: Path, path: str, reason: Reason) -> None:
    split = split_path(path)
    assert split is not None
    assert why_missed(Directory(str(crowded)), split, "index.html") is reason


def test_a_directory_without_the_option_index(site: Path) -> None:
    path = SplitPath(("sub",), True)
    assert why_missed(Directory(str(site)), path, None) is Reason.NO_INDEX


@pytest.mark.symlinks
@pytest.mark.parametrize(
    ("symlinks", "name", "reason"),
    [
        ("deny", "to-hello", Reason.LINK_DENIED),
        ("deny", "to-nothing", Reason.LINK_DENIED),
        ("follow", "to-secret", None),
        ("follow", "to-nothing", Reason.LINK_TO_NOTHING),
        pytest.param("follow", "to-pipe", Reason.NOT_REGULAR, marks=pytest.mark.special_files),
    ],
)
def test_the_reason_for_a_link(
    crowded: Path, symlinks: Symlinks, name: str, reason: Reason | None
) -> None:
    assert why_no_file(Directory(str(crowded), symlinks), (name,)) is reason


@pytest.mark.usefixtures("ordinary_user")
def test_a_file_without_permission(public_directory: Path) -> None:
    (public_directory / "private.txt").touch(mode=0)
    reason = why_no_file(Directory(str(public_directory)), ("private.txt",))
    assert reason is Reason.NO_PERMISSION


def test_an_input_output_error(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(str(site))

    def fail(segments: tuple[str, ...]) -> os.stat_result:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(directory, "stat", fail)
    assert why_no_file(directory, ("hello.txt",)) is Reason.FAULT


def test_a_file_that_has_come_back_is_not_called_missing(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Directory(str(site))

    def miss(segments: tuple[str, ...]) -> os.stat_result:
        raise not_found_error()

    assert why_no_file(directory, ("hello.txt",)) is None
    monkeypatch.setattr(directory, "stat", miss)
    assert why_no_file(directory, ("hello.txt",)) is Reason.PASSED


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("//hello.txt", Reason.NOT_CANONICAL),
        ("//", Reason.NOT_CANONICAL),
        ("/sub/../hello.txt", Reason.NOT_CANONICAL),
        ("/./hello.txt", Reason.NOT_CANONICAL),
        ("/.git/config", Reason.DOT_NAME),
        ("/.well-known/.x", Reason.DOT_NAME),
        ("/a\0b", Reason.IMPOSSIBLE_NAME),
        ("/\u20ac", Reason.IMPOSSIBLE_NAME),
        ("/\ud800/", Reason.IMPOSSIBLE_NAME),
    ],
)
def test_the_reason_for_a_path_that_cannot_be_split(rest: str, reason: Reason) -> None:
    assert split_path(rest) is None
    assert why_not_split(rest, dotfiles=False) is reason


def test_a_dot_name_is_no_reason_with_dotfiles() -> None:
    assert why_not_split("/.a\0", dotfiles=True) is Reason.IMPOSSIBLE_NAME
    assert why_not_split("/.a\0", dotfiles=[".a*"]) is Reason.IMPOSSIBLE_NAME
    assert why_not_split("/.a/.b", dotfiles=[".a"]) is Reason.DOT_NAME


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/hello.txt", Reason.PASSED),
        ("/none.txt", Reason.NOT_THERE),
        ("/hello.txt/none.txt", Reason.NOT_THERE),
        ("/hello.txt/", Reason.NOT_A_DIRECTORY),
        ("/sub", Reason.NO_INDEX),
        ("/sub/", Reason.NO_INDEX),
    ],
)
def test_the_reason_for_a_path_in_a_zip_archive(tmp_path: Path, path: str, reason: Reason) -> None:
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
        archive.writestr("sub/page.html", "page")
    split = split_path(path)
    assert split is not None
    with zipfile.ZipFile(tmp_path / "files.zip") as archive:
        assert why_missed(tree_of(zipfile.Path(archive), "inside"), split, None) is reason
