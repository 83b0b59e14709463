"""An app whose sources are opened before the server forks its workers.

The first segment of a path is a kind of source. Each response has the process ID of its worker.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.source_kinds import KINDS, zip_of
from wsgistatic import FileApp, StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FOLDER = "WSGISTATIC_FOLDER"
SIZE = 3_000_000  # bytes
# Of the kinds of sources, those that several processes cannot read.
REFUSED = ("open member",)
IN_ARCHIVES = ("stored", "deflated", "bz2", "lzma")


def make_content() -> bytes:
    """Return bytes of which no two ranges are equal, and which compress well."""
    return b"".join(b"%07d\n" % number for number in range(SIZE // 8))


_OPEN = ExitStack()  # keeps the sources open until the process ends


def make_apps(folder: Path) -> dict[str, Any]:
    """Return an app for each kind of source."""
    content = make_content()
    apps: dict[str, Any] = {}
    for kind in KINDS:
        inner = folder / kind
        inner.mkdir()
        apps[kind] = FileApp(KINDS[kind](inner, content, _OPEN), block_size=65_536)
    for name, compression in zip(IN_ARCHIVES, (0, 8, 12, 14), strict=True):
        path = zip_of(folder / f"{name}.zip", {f"site/site {name}": content}, compression)
        directory = zipfile.Path(path, "site/")
        apps[f"site {name}"] = StaticFiles(None, directory, cache_size=0)
    apps["site compressed"] = StaticFiles(None, folder, compress=True)
    (folder / "site compressed").write_bytes(content)
    return apps


# The master process makes them when it loads the app; the tests only import the constants.
APPS = make_apps(Path(os.environ[FOLDER])) if FOLDER in os.environ else {}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the source of that kind."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *exc_info)

    body: Iterable[bytes] = APPS[environ["PATH_INFO"][1:]](environ, start)
    return body
