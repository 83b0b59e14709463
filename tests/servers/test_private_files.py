"""Private files: a Django view checks the user, and nginx sends the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseForbidden
from django.test import override_settings
from django.urls import path as route

from tests.conftest import age
from tests.connection import Connection
from tests.django.configuration import configure_django
from tests.servers.conftest import skip_if_missing
from tests.servers.front_servers import INTERNAL, NGINX, serve_behind
from wsgistatic.django import file_response

pytestmark = pytest.mark.servers

CONTENT = bytes(range(256)) * 4000
ROOT: list[Path] = []


def invoice(request: HttpRequest, name: str) -> Any:
    if request.headers.get("Authorization") != "secret":
        return HttpResponseForbidden()
    offload = ("X-Accel-Redirect", INTERNAL, ROOT[0])
    return file_response(request, ROOT[0] / name, download_name="résumé.pdf", offload=offload)


urlpatterns = [route("invoices/<path:name>", invoice)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    skip_if_missing(NGINX.missing())
    configure_django()
    folder, files = tmp_path / "front", tmp_path / "files"
    for directory in (folder, files / "sub"):
        directory.mkdir(parents=True)
    for name in ("a b.pdf", "sub/50%.pdf"):
        (files / name).write_bytes(CONTENT)
        age(files / name)
    ROOT[:] = [files]
    with (
        override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]),
        serve_behind(NGINX, WSGIHandler(), files, folder) as port,
        Connection(port) as connection,
    ):
        yield connection


def test_nginx_sends_private_files(connection: Connection) -> None:
    for target in ("/invoices/a%20b.pdf", "/invoices/sub/50%25.pdf"):
        whole = connection.request(target, Authorization="secret")
        assert (whole.status, whole.body) == (200, CONTENT)
        assert whole.headers["Cache-Control"] == "private, no-cache"
        assert "filename*=UTF-8''r%C3%A9sum%C3%A9.pdf" in whole.headers["Content-Disposition"]
        assert whole.headers["Content-Type"] == "application/pdf"
        assert "X-Accel-Redirect" not in whole.headers
        tag = whole.headers["ETag"]
        part = connection.request(target, Authorization="secret", Range="bytes=5-9", If_Range=tag)
        assert (part.status, part.body) == (206, CONTENT[5:10])
        again = connection.request(target, Authorization="secret", If_None_Match=tag)
        assert again.status == 304
        head = connection.request(target, "HEAD", Authorization="secret")
        assert (head.status, head.length) == (200, len(CONTENT))


def test_others_get_nothing(connection: Connection) -> None:
    port = connection.socket.getpeername()[1]
    for target, status in (("/invoices/a%20b.pdf", 403), ("/internal/a%20b.pdf", 404)):
        with Connection(port) as other:
            other.send(target, Connection="close")
            assert other.read_head().status == status
            assert CONTENT[:100] not in other.file.read()
