"""Files that exist only in a content coding, behind front servers that send files for the app."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.servers.front_servers import INTERNAL, FrontServer, serve_behind
from wsgistatic import StaticFiles

pytestmark = pytest.mark.servers

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0h9v9z'/></svg>" * 5000
STORED = gzip.compress(SVG, mtime=0)


def test_coding_is_never_lost(front: FrontServer, tmp_path: Path) -> None:
    directory, folder = tmp_path / "files", tmp_path / "front"
    directory.mkdir()
    folder.mkdir()
    (directory / "icon.svgz").write_bytes(STORED)
    age(directory / "icon.svgz")
    header, place = {
        "nginx": ("X-Accel-Redirect", INTERNAL),
        "lighttpd": ("X-LIGHTTPD-send-file", str(directory)),
        "Apache": ("X-Sendfile", str(directory)),
    }[front.name]
    app = StaticFiles(None, directory, prefix="/static/", offload=(header, place))
    with serve_behind(front, app, directory, folder) as port, Connection(port) as connection:
        for _ in range(2):
            coded = connection.request("/static/icon.svgz", Accept_Encoding="gzip")
            assert (coded.status, coded.body) == (200, STORED)
            assert coded.headers["Content-Encoding"] == "gzip"
            assert coded.headers["Content-Type"] == "image/svg+xml"
            plain = connection.request("/static/icon.svgz")
            assert (plain.status, plain.body) == (200, SVG)
            assert "Content-Encoding" not in plain.headers
            assert plain.headers["Vary"] == "Accept-Encoding"
