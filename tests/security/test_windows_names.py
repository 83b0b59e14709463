"""Names with a special meaning on Windows; the platform-independent path code rejects them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.client import call_raw, make_environ
from tests.security.advisories import REPLAYED
from wsgistatic import StaticFiles
from wsgistatic.http.paths import split_path
from wsgistatic.wsgi import site

WINDOWS_PATHS = {
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

for ids in WINDOWS_PATHS:
    for advisory in ids:
        REPLAYED[advisory].append("test_windows_names_are_misses")


@pytest.mark.parametrize(
    "path", [path for paths in WINDOWS_PATHS.values() for path in paths], ids=ascii
)
@pytest.mark.parametrize("dotfiles", [False, True])
def test_windows_names_are_misses(path: str, dotfiles: bool) -> None:
    assert split_path(path, dotfiles=dotfiles, windows=True) is None


# Similar names that are allowed, to show that the tests above do not pass by accident.
ALLOWED = ("/hello.txt", "/console", "/com10", "/auxiliary/con-text.js", "/a b/c~d.txt", "/lpt",
           "/nullable", "/d\u00c3\u00bcr", "/a~1b", "/longer-than-8~1.txt", "/x.con")  # fmt: skip


@pytest.mark.parametrize("path", ALLOWED, ids=ascii)
def test_similar_names_are_allowed(path: str) -> None:
    assert split_path(path, windows=True) is not None


def test_windows_names_never_reach_the_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """CVE-2026-48818: merely looking up a UNC path sends a password hash to its host."""
    looked_up: list[str] = []

    def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(path: Any, *args: Any, **kwargs: Any) -> Any:
            looked_up.append(str(path))
            return function(path, *args, **kwargs)

        return wrapper

    app = StaticFiles(None, tmp_path, listing=True, clean_urls=True)
    app.site._directory = None  # as on Windows
    monkeypatch.setattr(
        site, "split_path", lambda path, **kwargs: split_path(path, **{**kwargs, "windows": True})
    )
    for name in ("stat", "open", "scandir", "lstat", "readlink"):
        monkeypatch.setattr(os, name, recorded(getattr(os, name)))
    results = [
        call_raw(app, make_environ(path)) for paths in WINDOWS_PATHS.values() for path in paths
    ]
    monkeypatch.undo()
    assert {result.status for result in results} == {404}
    assert looked_up == []
