"""Short names, which FAT, NTFS and SMB make for other names, such as GIT~1 for .git (CWE-58)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import as_ordinary_user
from wsgistatic import AnswerEvent, StaticFiles
from wsgistatic.files.directory import OpenDirectory
from wsgistatic.http.paths import may_be_alias

pytestmark = pytest.mark.symlinks

ALIASES = {"GIT~1", "INDEX~1.HTM", "A3K2X1~Q.TXT", "both~1"}


@pytest.fixture
def root(public_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that opens names which it does not list, as such file systems do."""
    for name in ("GIT~1/config", "INDEX~1.HTM", "A3K2X1~Q.TXT", "sub/GIT~1/config", "both~1/a.html",
                 "both~1/index.html", "both~1.html", "backup~1.txt", "real~1/a.txt",
                 "real~1/b.html", "notes~", "long-name~1.txt", "~1/home~1/index.html"):  # fmt: skip
        (public_directory / name).parent.mkdir(parents=True, exist_ok=True)
        (public_directory / name).write_text(name)
    (public_directory / "link").symlink_to("sub")
    entries = OpenDirectory.__iter__

    def listed(self: OpenDirectory) -> Iterator[os.DirEntry[str]]:
        return (entry for entry in entries(self) if entry.name not in ALIASES)

    monkeypatch.setattr(OpenDirectory, "__iter__", listed)
    return public_directory


@pytest.mark.parametrize("options", [{}, {"listing": True}, {"clean_urls": True, "listing": True},
                                     {"symlinks": "follow"}, {"cache_size": 0}])  # fmt: skip
@pytest.mark.parametrize("path", ["/GIT~1/config", "/GIT~1/", "/GIT~1", "/INDEX~1.HTM",
                                  "/A3K2X1~Q.TXT", "/sub/GIT~1/config", "/link/GIT~1/config",
                                  "/both~1/a", "/both~1/a.html", "/both~1/"])  # fmt: skip
def test_an_alias_is_a_miss(root: Path, path: str, options: dict[str, Any]) -> None:
    app = StaticFiles(None, root, **options)
    for _ in range(2):
        for method in ("GET", "HEAD", "POST"):
            assert call(app, path, method).status == 404


@pytest.mark.parametrize("options", [{}, {"cache_size": 0}, {"symlinks": "deny"}])
@pytest.mark.parametrize("path", ["/backup~1.txt", "/real~1/a.txt", "/real~1/b.html", "/notes~",
                                  "/long-name~1.txt", "/~1/home~1/"])  # fmt: skip
def test_a_real_name_with_a_tilde_is_served(
    root: Path, path: str, options: dict[str, Any], open_descriptors: None
) -> None:
    app = StaticFiles(None, root, **options)
    for _ in range(2):
        assert call(app, path).status == 200
    assert call(StaticFiles(None, root, clean_urls=True), "/real~1/b").body == b"real~1/b.html"
    assert call(app, "/nope~1.txt").status == 404
    assert call(app, "/nope~1/a.txt").status == 404


def test_the_reason(root: Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, root, on_answer=events.append)
    call_raw(app, make_environ("/GIT~1/config"))
    assert events[0].refused == "a short name that the file system made for another name"


def test_a_directory_that_cannot_be_listed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "real~1").chmod(0o711)
    root.chmod(0o711)
    with as_ordinary_user():
        assert call(StaticFiles(None, root), "/backup~1.txt").status == 403
        assert call(StaticFiles(None, root), "/long-name~1.txt").status == 200
    assert "backup~1.txt" in caplog.text


def test_only_existing_names_of_this_form_are_compared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[object] = []
    monkeypatch.setattr(OpenDirectory, "__init__", lambda self, where: scanned.append(where))
    app = StaticFiles(None, root)
    for path in ("/long-name~1.txt", "/notes~", "/nope~1.txt", "/nope~1/GIT~1/a"):
        call(app, path)
    assert scanned == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GIT~1", True), ("git~1", True), ("ABCDEF~1.TXT", True), ("AB12F0~Z.TXT", True),
        ("x~10", True), ("AB~1.", True), ("GIT~1..", True), ("GIT~1. ", True),
        ("notes~", False), ("notes~.txt", False),
        ("a.b~1", False), ("ABCDEFG~1.TXT", False), ("AB~1.HTML", False), ("~", False),
        ("A~1.B.C", False), ("plain.txt", False),
    ],
)  # fmt: skip
def test_the_form_of_an_alias(name: str, expected: bool) -> None:
    assert may_be_alias(name) == expected
