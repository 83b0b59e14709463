"""Features of mod_wsgi: sendfile, and apps mounted at a URL path."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.harness.processes import free_port
from tests.conftest import age
from tests.connection import Connection
from tests.servers.apache import missing_for_apache
from tests.servers.matrix.apache_servers import ALL_SERVERS
from tests.servers.mod_wsgi import MODES, SENDFILE, mod_wsgi_command
from tests.servers.processes import run_command
from tests.servers.table import pinned_versions

pytestmark = pytest.mark.servers

SIZE = 1_000_000  # bytes; not kept in memory

APP = """
from wsgistatic import StaticFiles

application = StaticFiles(None, "SITE", prefix="/static/", file_wrapper=True)
"""

OFFLOADING_APP = """
def application(environ, start_response):
    name = environ["PATH_INFO"].removeprefix("/")
    headers = [("X-Sendfile", "SITE/" + name), ("Content-Length", "0"), ("ETag", '"ours"')]
    start_response("200 OK", headers)
    return [b""]
"""


@contextmanager
def serving(
    tmp_path: Path,
    site: Path,
    build: str,
    mode: str,
    *,
    lines: tuple[str, ...] = (),
    mount: str = "/",
    modules: tuple[str, ...] = (),
    app: str = APP,
    prefix: tuple[str, ...] = (),
) -> Iterator[Connection]:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "app.wsgi").write_text(app.replace("SITE", str(site)))
    port = free_port(())
    command = mod_wsgi_command(folder, port, build, mode, lines, mount=mount, modules=modules)
    with run_command([*prefix, *command], folder, port), Connection(port) as connection:
        yield connection


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("lines", "calls"), [(SENDFILE, True), ((), False)], ids=["on", "off"])
def test_sendfile_is_used_if_enabled(
    tmp_path: Path, site: Path, build: str, mode: str, lines: tuple[str, ...], calls: bool
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace")
    content = bytes(range(250)) * (SIZE // 250)
    (site / "large.bin").write_bytes(content)
    age(site / "large.bin")
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-e", "trace=sendfile", "-o", str(trace))
    with serving(tmp_path, site, build, mode, lines=lines, prefix=strace) as connection:
        assert connection.request("/static/large.bin").body == content
        # Ranges are not sent by the server's wrapper.
        assert (
            connection.request("/static/large.bin", Range="bytes=500000-").body == content[500000:]
        )
    sent = [int(size) for size in re.findall(r"sendfile\(.* = (\d+)$", trace.read_text(), re.M)]
    assert sum(sent) == (SIZE if calls else 0)


@pytest.mark.parametrize("mode", MODES)
def test_app_mounted_at_a_path(tmp_path: Path, site: Path, build: str, mode: str) -> None:
    with serving(tmp_path, site, build, mode, mount="/mounted") as connection:
        assert connection.request("/mounted/static/hello.txt").body == b"hello world\n"
        redirect = connection.request("/mounted/static/sub?q")
        assert (redirect.status, redirect.headers["Location"]) == (301, "sub/?q")
        assert connection.request("/mounted/static/sub/").body == b"<p>index</p>"


@pytest.mark.parametrize("mode", MODES)
def test_x_sendfile_from_an_app_in_the_same_apache(
    tmp_path: Path, site: Path, build: str, mode: str
) -> None:
    if missing := missing_for_apache("xsendfile"):
        pytest.skip(f"not installed: {missing}")
    (site / "50% é.bin").write_bytes(b"0123456789")
    with serving(
        tmp_path,
        site,
        build,
        mode,
        app=OFFLOADING_APP,
        modules=("xsendfile",),
        lines=("XSendFile On", f"XSendFilePath {site}"),
    ) as connection:
        whole = connection.request("/50%25%20%C3%A9.bin")
        assert (whole.status, whole.body, whole.headers["ETag"]) == (200, b"0123456789", '"ours"')
        part = connection.request("/50%25%20%C3%A9.bin", Range="bytes=2-4")
        assert (part.status, part.body) == (206, b"234")


def test_version_of_the_module(tmp_path: Path, site: Path, build: str) -> None:
    name = "mod_wsgi embedded" if build == "pip" else "Debian's mod_wsgi embedded"
    row = next(row for row in ALL_SERVERS if row.name == name)
    with serving(tmp_path, site, build, "embedded") as connection:
        software = connection.request("/static/hello.txt").headers["Server"]
    assert f" mod_wsgi/{row.version or pinned_versions()['mod_wsgi']} " in software
