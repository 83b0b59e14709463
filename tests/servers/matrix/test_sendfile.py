"""Servers use sendfile for exactly the bodies that the matrix says, according to strace."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.servers.matrix.conftest import skip_unless_installed
from tests.servers.matrix.running_server import run_server
from tests.servers.matrix.servers import GUNICORN_BODY, SERVERS, UWSGI_BODY, ServerSpec
from tests.servers.matrix.site import LARGE, make_site
from tests.waiting import eventually

pytestmark = pytest.mark.servers

SENDS_FILES = {GUNICORN_BODY, UWSGI_BODY}
RESULT = re.compile(r"sendfile\b.*= (\d+)$", re.M)  # or "<... sendfile resumed> ... = 1000"


@pytest.mark.parametrize(
    "spec", [spec for spec in SERVERS if spec.package in ("gunicorn", "uWSGI", "waitress")], ids=str
)
def test_sendfile(spec: ServerSpec, tmp_path: Path) -> None:
    skip_unless_installed(spec)
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace")
    site, folder, trace = tmp_path / "site", tmp_path / "server", tmp_path / "trace"
    site.mkdir()
    folder.mkdir()
    make_site(site)
    strace = ("strace", "-f", "-e", "trace=sendfile,accept,accept4", "-o", str(trace))
    with run_server(spec, folder, site, strace) as server:
        for target in ("/files/large.bin", "/files/small.bin"):
            with server.connect() as connection:
                assert connection.request(target).status == 200
        with server.connect() as connection:
            assert connection.request("/files/large.bin", Range="bytes=1000-2000000").status == 206

        def sent_by_sendfile() -> int:
            return sum(map(int, RESULT.findall(trace.read_text())))

        expected = len(LARGE) if spec.body in SENDS_FILES else 0
        assert eventually(lambda: sent_by_sendfile() == expected), trace.read_text()
        assert "accept" in trace.read_text()
