"""One file has one URL, also where the file system finds it by other names.

On Linux, hard links stand for the other names, and a look-up that does not list them for that of
Windows and macOS.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age, as_ordinary_user, settle
from wsgistatic import AnswerEvent, FileApp, StaticFiles
from wsgistatic.files import spelling
from wsgistatic.files.directory import Directory, single_file
from wsgistatic.files.spelling import lists, lists_on_windows, lookup_for
from wsgistatic.representations import cache, cached_file

FILES = ("read.me", "sub/page.html", "sub/index.html", "caps/INDEX.HTML", "Über.txt", "app.js",
         "app.js.GZ", "sub/deep/a.txt")  # fmt: skip
LINUX = sys.platform == "linux"


class LooseFileSystem:
    """A directory whose files have other names, which it does not list."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.others: set[str] = set()

    def add(self, path: str, other: str) -> None:
        """Rename a file or directory."""
        made = (self.root / path).with_name(other)
        if LINUX:
            if (self.root / path).is_dir():
                shutil.copytree(self.root / path, made)
            else:
                os.link(self.root / path, made)
        self.others.add(str(made))

    def lists(self, directory: str, name: str) -> bool:
        return lists(directory, name) and os.path.join(directory, name) not in self.others


@pytest.fixture
def loose(public_directory: Path, monkeypatch: pytest.MonkeyPatch) -> LooseFileSystem:
    for name in FILES:
        path = public_directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        age(path)
    made = LooseFileSystem(public_directory)
    made.add("read.me", "READ.ME")
    made.add("sub/page.html", "Page.html")
    made.add("sub/deep", "Deep")
    made.add("sub", "SUB")
    made.add("caps/INDEX.HTML", "index.html")
    made.add("Über.txt", "ÜBER.TXT")
    made.add("app.js.GZ", "app.js.gz")
    if LINUX:
        monkeypatch.setattr(spelling, "LOOKUP", made.lists)
    settle()  # links are changes, too
    return made


def encoded(path: str) -> str:
    return path.encode().decode("latin-1")


@pytest.mark.parametrize("options", [{}, {"listing": True}, {"clean_urls": True, "listing": True},
                                     {"symlinks": "follow"}, {"symlinks": "deny"},
                                     {"cache_size": 0}])  # fmt: skip
@pytest.mark.parametrize("path", ["/READ.ME", "/sub/Page.html", "/SUB/page.html", "/SUB/", "/SUB",
                                  "/SUB/index.html", "/sub/Page", "/SUB/Page.html", "/ÜBER.TXT",
                                  "/sub/Deep/a.txt", "/sub/Deep/", "/sub/Deep",
                                  "/caps/index.html"])  # fmt: skip
def test_another_spelling_is_a_miss(
    loose: LooseFileSystem, path: str, options: dict[str, Any]
) -> None:
    app = StaticFiles(None, loose.root, **options)
    for _ in range(2):
        for method in ("GET", "HEAD", "POST"):
            assert call(app, encoded(path), method).status == 404


@pytest.mark.parametrize("options", [{}, {"symlinks": "follow"}, {"symlinks": "deny"},
                                     {"cache_size": 0}])  # fmt: skip
@pytest.mark.parametrize("path", ["/read.me", "/sub/page.html", "/sub/", "/Über.txt", "/app.js",
                                  "/caps/INDEX.HTML", "/sub/deep/a.txt"])  # fmt: skip
def test_the_spelling_of_the_directory_is_served(
    loose: LooseFileSystem, path: str, options: dict[str, Any], open_descriptors: None
) -> None:
    app = StaticFiles(None, loose.root, **options)
    for _ in range(2):
        response = call(app, encoded(path), HTTP_ACCEPT_ENCODING="gzip")
        assert response.status == 200
        assert response.body == (path[1:] + "index.html" * path.endswith("/")).encode()


def test_an_index_and_a_sidecar_have_their_names_in_the_directory(loose: LooseFileSystem) -> None:
    app = StaticFiles(None, loose.root)
    assert call(app, "/caps/").status == 404
    response = call(app, "/app.js", HTTP_ACCEPT_ENCODING="gzip")
    assert "Content-Encoding" not in response.headers


@pytest.mark.live
def test_file_that_is_given_another_spelling_is_a_miss_within_a_second(
    loose: LooseFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stat of the old name does not show it."""
    for module in (cache, cached_file):
        monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)
    app = StaticFiles(None, loose.root)
    assert call(app, "/app.js").status == 200
    if LINUX:
        loose.others.add(str(loose.root / "app.js"))
    else:
        (loose.root / "app.js").rename(loose.root / "draft")
        (loose.root / "draft").rename(loose.root / "App.js")
    assert call(app, "/app.js").status == 404


@pytest.mark.memory_cache
def test_name_of_nothing_is_not_looked_up(
    loose: LooseFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def record(directory: str, name: str) -> bool:
        looked_up.append(name)
        return True

    monkeypatch.setattr(spelling, "LOOKUP", record)
    app = StaticFiles(None, loose.root)
    for path in ("/nothing", "/sub/nothing.html", "/read.me/a"):
        assert call(app, path).status == 404
    assert looked_up == []
    assert call_raw(app, make_environ("/sub/page.html")).status == 200
    assert {*looked_up} == {"sub", "page.html"}
    looked_up.clear()
    assert call_raw(app, make_environ("/sub/page.html")).status == 200
    assert looked_up == []


def test_reason_of_the_miss(loose: LooseFileSystem) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, loose.root, on_answer=events.append)
    for path in ("/READ.ME", "/SUB/page.html", "/SUB/", "/nothing"):
        call_raw(app, make_environ(path))
    another = "a spelling other than that in the directory"
    assert [event.refused for event in events] == [another] * 3 + ["does not exist"]


@pytest.mark.permissions
def test_file_that_cannot_be_read_is_a_miss_too(loose: LooseFileSystem) -> None:
    (loose.root / "read.me").chmod(0)
    app = StaticFiles(None, loose.root)
    with as_ordinary_user():
        assert call(app, "/read.me").status == 403
        assert call(app, "/READ.ME").status == 404


def test_caller_of_a_single_file_may_spell_it_in_any_way(loose: LooseFileSystem) -> None:
    path = loose.root / "READ.ME"
    assert call(FileApp(path), "/").body == b"read.me"
    with single_file(str(path)).open() as opened, path.open("rb") as file:
        assert opened.size == 7
        assert call(FileApp(file), "/").body == b"read.me"


def test_folder_is_closed_if_it_has_another_spelling(
    loose: LooseFileSystem, open_descriptors: None
) -> None:
    directory = Directory(str(loose.root))
    # On Windows an open folder is nothing but its path.
    for open_something in [directory.open_directory, *[directory.open_folder] * LINUX]:
        with pytest.raises(FileNotFoundError):
            open_something(("SUB",))
    assert directory.has_alias(("SUB", "page.html"))
    assert not directory.has_alias(("sub", "page.html"))
    assert not directory.has_alias(("sub", "nothing~1"))


def test_look_up_by_the_directory(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        directory = tmp_path / form
        directory.mkdir()
        (directory / unicodedata.normalize(form, "é")).touch()
        for asked in ("NFC", "NFD"):
            is_listed = lists(str(directory), unicodedata.normalize(asked, "é"))
            assert is_listed == (asked == form)
    with pytest.raises(FileNotFoundError):
        lists(str(tmp_path / "nothing"), "a")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", None), ("freebsd14", None), ("darwin", lists), ("win32", lists_on_windows)],
)
def test_look_up_of_a_platform(platform: str, expected: object) -> None:
    assert lookup_for(platform) is expected


class FakeKernel:
    """Functions of the kernel of Windows, which finds names in any case."""

    def __init__(self) -> None:
        self.ReOpenFile = self.function(lambda *arguments: None)
        self.FindFirstFileW = self.function(self.find)
        self.FindClose = self.function(self.close)
        self.open = 0

    @staticmethod
    def function(called: Any) -> Any:
        class Function:
            __call__ = staticmethod(called)

        return Function()

    def find(self, path: str, found: Any) -> int | None:
        directory, name = os.path.split(path)
        entries = os.listdir(directory) if os.path.isdir(directory) else []
        names = [each for each in entries if each.lower() == name.lower()]
        if not names:
            return ctypes.c_void_p(-1).value
        found._obj.cFileName = names[0]
        self.open += 1
        return 1

    def close(self, search: int) -> None:
        self.open -= search


@pytest.fixture
def windows_system(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system calls of Windows, on Linux as far as they are needed here."""
    if os.name == "nt":
        yield
        return
    from wsgistatic.files.windows import Windows

    kernel = FakeKernel()
    for name in ("_winapi", "msvcrt"):
        monkeypatch.setitem(sys.modules, name, object())
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **options: kernel, raising=False)
    monkeypatch.setattr(spelling, "SYSTEM", Windows())
    yield
    assert kernel.open == 0


@pytest.mark.usefixtures("windows_system")
def test_look_up_by_a_system_call(tmp_path: Path) -> None:
    (tmp_path / "Read Me.txt").touch()
    for name in ("read me.txt", "READ ME.TXT", "nothing"):
        assert not lists_on_windows(str(tmp_path), name)
    assert lists_on_windows(str(tmp_path), "Read Me.txt")
    assert not lists_on_windows(str(tmp_path / "nothing"), "a")


def test_error_of_the_look_up(loose: LooseFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that can only be searched is the case of the other permissions."""

    def fail(directory: str, name: str) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(spelling, "LOOKUP", fail)
    assert call(StaticFiles(None, loose.root), "/read.me").status == 403
