"""What a Windows file system gives a meaning of its own, refused by the pure path code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.security.ids import REPLAYED
from wsgistatic.http.paths import split_path

HOLES = {
    ("CVE-2008-1145", "CVE-2018-12542", "CVE-2018-13864", "CVE-2026-53779",
     "GHSA-frvp-7c67-39w9"): ["/..\\secret", "/sub\\..\\..\\secret", "/..\\", "/\\", "/sub\\"],
    ("CVE-2018-1271",): ["/%5c..\\secret", "/\\..\\secret"],
    ("CVE-2026-54286",): ["/admin\\secret.txt"],
    ("JLSEC-2026-612",): ["/C:\\x", "/\\\\host\\x", "/C:x", "/sub/C:"],
    ("CVE-2019-14322", "WhiteNoise issue 197", "RUSTSEC-2021-0135", "RUSTSEC-2022-0069"):
        ["/C:/windows/win.ini", "/c:/windows/web.txt", "/sub/c:/x", "/C:", "/1:x"],
    ("CVE-2024-49766",): ["//host/share", "/\\\\host/share", "//?/C:/x", "//./C:/x"],
    ("CVE-2026-48818",): ["/\\\\host\\share", "/\\\\?\\UNC\\host\\share", "/\\\\.\\pipe\\x"],
    ("CVE-2025-66221", "CVE-2022-41720"):
        ["/NUL", "/dir/NUL", "/COM1", "/con", "/Aux", "/prn", "/lpt9", "/COM0", "/com\u00c2\u00b9",
         "/CONIN$", "/conout$"],
    ("CVE-2026-21860",): ["/NUL.txt", "/con.tar.gz", "/nul .txt", "/NUL ", "/NUL.", "/com1 . txt"],
    ("CVE-2026-27199",): ["/dir/NUL/x", "/NUL/", "/a/b/aux.h/c"],
    ("CVE-2010-2263",): ["/x.php::$DATA", "/x.php:stream", "/x.php:", "/dir::$INDEX_ALLOCATION/x"],
    ("CVE-2013-4547",): ["/file ", "/file .", "/file. ", "/hello.txt.", "/dir /x", "/dir./x"],
    ("CVE-2011-1589",): ["/GIT~1/config", "/web~1.con", "/ABCDEF~1.TXT", "/x~9"],
    ("CVE-2000-0884", "CVE-2008-2938"): ["/..\u00c0\u00af", "/\u00c0\u00ae/x", "/\u00ff"],
    ("CVE-2017-1000052",): ["/a\x00", "/a\x1f", "/a\n.txt"],
}  # fmt: skip

for ids in HOLES:
    for one in ids:
        REPLAYED[one].append("test_a_name_of_windows_is_a_miss")


@pytest.mark.parametrize("path", [path for paths in HOLES.values() for path in paths], ids=ascii)
@pytest.mark.parametrize("dotfiles", [False, True])
def test_a_name_of_windows_is_a_miss(path: str, dotfiles: bool) -> None:
    assert split_path(path, dotfiles=dotfiles, windows=True) is None


# So that what is above is not refused for want of anything allowed.
ALLOWED = ("/hello.txt", "/console", "/com10", "/auxiliary/con-text.js", "/a b/c~d.txt", "/lpt",
           "/nullable", "/d\u00c3\u00bcr", "/a~1b", "/longer-than-8~1.txt", "/x.con")  # fmt: skip


@pytest.mark.parametrize("path", ALLOWED, ids=ascii)
def test_another_name_is_no_name_of_windows(path: str) -> None:
    assert split_path(path, windows=True) is not None


def test_a_miss_by_its_name_asks_no_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """CVE-2026-48818: the question alone sends a password hash to a host."""
    from tests.calling import call_bare, environ_of
    from wsgistatic import StaticFiles
    from wsgistatic.wsgi import site

    asked: list[str] = []

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(path: Any, *args: Any, **named: Any) -> Any:
            asked.append(str(path))
            return function(path, *args, **named)

        return noted

    app = StaticFiles(None, tmp_path, listing=True, clean_urls=True)
    app.site._root = None  # as it is where os.name is "nt"
    split = split_path
    monkeypatch.setattr(
        site, "split_path", lambda path, **named: split(path, **{**named, "windows": True})
    )
    import os

    for name in ("stat", "open", "scandir", "lstat", "readlink"):
        monkeypatch.setattr(os, name, note(getattr(os, name)))
    results = [call_bare(app, environ_of(path)) for paths in HOLES.values() for path in paths]
    monkeypatch.undo()
    assert {result.status for result in results} == {404}
    assert asked == []
