"""Views of each framework that return the response of a ``FileApp``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import call, make_environ, start
from tests.conftest import age
from tests.frameworks.apps import APPS
from wsgistatic import FileApp

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SIZE = 1_000_000  # bytes; several blocks


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    age(path)
    return path


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest, large: Path) -> WSGIApplication:
    make: Callable[[Path], WSGIApplication] = APPS[request.param]
    return make(large)


@pytest.mark.usefixtures("open_descriptors")
def test_whole_file(app: WSGIApplication, large: Path) -> None:
    response = call(app, "/view")
    assert (response.status, response.body) == (200, large.read_bytes())
    assert len(response.blocks) > 1  # streamed, not joined


@pytest.mark.usefixtures("open_descriptors")
def test_head(app: WSGIApplication, large: Path) -> None:
    response = call(app, "/view", "HEAD")
    assert (response.status, response.body) == (200, b"")
    sent = {name.lower(): value for name, value in response.headers.items()}
    assert sent["content-length"] == str(SIZE)
    assert sent["accept-ranges"] == "bytes"


@pytest.mark.usefixtures("open_descriptors")
def test_ranges(app: WSGIApplication, large: Path) -> None:
    content = large.read_bytes()
    one = call(app, "/view", HTTP_RANGE="bytes=100-199")
    assert (one.status, one.body) == (206, content[100:200])
    sent = {name.lower(): value for name, value in one.headers.items()}
    assert sent["content-range"] == f"bytes 100-199/{SIZE}"
    two = call(app, "/view", HTTP_RANGE="bytes=0-9,500000-500009")
    assert two.status == 206
    assert two.body.index(content[:10]) < two.body.index(content[500000:500010])
    none = call(app, "/view", HTTP_RANGE=f"bytes={SIZE}-")
    assert (none.status, none.body) == (416, b"")


@pytest.mark.usefixtures("open_descriptors")
def test_not_modified_and_failed_preconditions(app: WSGIApplication, large: Path) -> None:
    tag = call(FileApp(large), "/view").headers["ETag"]
    same = call(app, "/view", HTTP_IF_NONE_MATCH=tag)
    assert (same.status, same.body) == (304, b"")
    assert call(app, "/view", HTTP_IF_MATCH='"other"').status == 412


@pytest.mark.usefixtures("open_descriptors")
@pytest.mark.parametrize("name", sorted(APPS.keys() - {"webpy"}))  # its responses have no close()
def test_client_disconnects(name: str, large: Path) -> None:
    response = start(APPS[name](large), make_environ("/view"))
    blocks: Any = response.iterable
    assert next(iter(blocks))
    blocks.close()


def test_missing_file(app: WSGIApplication, large: Path) -> None:
    large.unlink()
    assert call(app, "/view").status == 404
