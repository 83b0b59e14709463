"""Names that Windows reads otherwise than they are written, and long paths, in a real directory.

Elsewhere there is no file of such a name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.security.test_windows_names import WINDOWS_PATHS
from wsgistatic import FileApp, StaticFiles
from wsgistatic.compress import Compressor


@pytest.mark.parametrize("options", [{}, {"symlinks": "follow", "dotfiles": True, "listing": True}])
@pytest.mark.parametrize(
    "path", [path for paths in WINDOWS_PATHS.values() for path in paths], ids=ascii
)
def test_name_that_windows_reads_otherwise_is_a_miss(
    site: Path, path: str, options: dict[str, Any]
) -> None:
    app = StaticFiles(None, site, **options)
    for method in ("GET", "HEAD", "POST"):
        assert call_raw(app, make_environ(path, method)).status == 404


@pytest.mark.parametrize(
    "path", ["/hello.txt.", "/hello.txt ", "/hello.txt::$DATA", "/sub./page.html", "/sub /",
             "/sub\\page.html", "/hello.txt:", "/HELLO.TXT", "/Hello.txt", "/SUB/page.html"]
)  # fmt: skip
def test_name_that_windows_takes_for_another_is_a_miss(site: Path, path: str) -> None:
    app = StaticFiles(None, site, listing=True)
    assert call(app, "/hello.txt").status == 200
    assert call(app, path).status == 404


def test_short_name_of_a_file_is_a_miss(site: Path) -> None:
    names = ["a long name.html"]
    (site / names[0]).write_bytes(b"content")
    if os.name == "nt":
        import ctypes

        buffer = ctypes.create_unicode_buffer(1000)
        kernel: Any = vars(ctypes)["windll"].kernel32
        kernel.GetShortPathNameW(str(site / names[0]), buffer, 1000)
        names.append(Path(buffer.value).name)
    app = StaticFiles(None, site)
    assert [call(app, f"/{name}").status for name in names] == [200, 404][: len(names)]


@pytest.mark.wine
@pytest.mark.parametrize("prefix", ["", "\\\\?\\"])
def test_long_paths(tmp_path: Path, prefix: str) -> None:
    """Windows limits a path to 260 characters, unless it has a prefix or the system a setting."""
    root = Path(f"{prefix if os.name == 'nt' else ''}{tmp_path}")
    deep = root.joinpath(*["d" * 50] * 8)
    deep.mkdir(parents=True)
    (deep / "a.js").write_bytes(b"content " * 1000)
    url = "/" + "d" * 50
    app = StaticFiles(None, root, listing=True)
    assert call(app, url * 8 + "/a.js").body == b"content " * 1000
    assert b"a.js" in call(app, url * 8 + "/").body
    assert call(app, url * 8 + "/A.js").status == 404
    assert call(app, url * 7 + "/a.js").status == 404
    assert call(FileApp(deep / "a.js"), "/").status == 200
    assert Compressor(["gzip"]).compress_file(deep / "a.js").error is None
    assert (deep / "a.js.gz").exists()
