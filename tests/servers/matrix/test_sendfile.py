"""Where sendfile is claimed it happens, and nowhere else: the system calls, as strace saw them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.servers.matrix.conftest import skip_where_missing
from tests.servers.matrix.rows import GUNICORN_BODY, SERVERS, UWSGI_BODY, Server
from tests.servers.matrix.running import eventually, running
from tests.servers.matrix.site import LARGE, make_site

pytestmark = pytest.mark.servers

SENDS_FILES = {GUNICORN_BODY, UWSGI_BODY}
RESULT = re.compile(r"sendfile\b.*= (\d+)$", re.M)  # or "<... sendfile resumed> ... = 1000"


@pytest.mark.parametrize(
    "row", [row for row in SERVERS if row.package in ("gunicorn", "uWSGI", "waitress")], ids=str
)
def test_sendfile(row: Server, tmp_path: Path) -> None:
    skip_where_missing(row)
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace")
    site, folder, trace = tmp_path / "site", tmp_path / "server", tmp_path / "trace"
    site.mkdir()
    folder.mkdir()
    make_site(site)
    strace = ("strace", "-f", "-e", "trace=sendfile,accept,accept4", "-o", str(trace))
    with running(row, folder, site, strace) as server:
        for target in ("/files/large.bin", "/files/small.bin"):
            with server.connect() as wire:
                assert wire.ask(target).status == 200
        with server.connect() as wire:
            assert wire.ask("/files/large.bin", Range="bytes=1000-2000000").status == 206

        def sent_by_sendfile() -> int:
            return sum(map(int, RESULT.findall(trace.read_text())))

        expected = len(LARGE) if row.body in SENDS_FILES else 0
        assert eventually(lambda: sent_by_sendfile() == expected), trace.read_text()
        assert "accept" in trace.read_text()
