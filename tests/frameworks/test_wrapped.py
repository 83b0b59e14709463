"""``StaticFiles`` around an app of each framework, which gets all other requests unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import Response, call, call_raw, make_environ
from tests.frameworks.apps import APPS, HOME_TEXT, POST_TEXT, STATIC_TEXT
from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BODY = b"0123456789" * 100


@pytest.fixture(params=APPS)
def framework(request: pytest.FixtureRequest, site: Path) -> WSGIApplication:
    make: Callable[[Path], WSGIApplication] = APPS[request.param]
    return make(site / "digits.bin")


@pytest.fixture
def app(framework: WSGIApplication, site: Path) -> WSGIApplication:
    return StaticFiles(framework, site, prefix="/static/")


@pytest.fixture(params=["", "/mounted"])
def script_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def send(app: WSGIApplication, path: str, method: str = "GET", **extra: Any) -> Response:
    """Call the app without the validator, which rejects some responses of the frameworks."""
    return call_raw(app, make_environ(path, method, CONTENT_LENGTH="0", **extra))


def test_files(app: WSGIApplication, script_name: str) -> None:
    for _ in range(2):  # uncached, then cached
        whole = call(app, "/static/digits.bin", SCRIPT_NAME=script_name)
        assert (whole.status, whole.body) == (200, BODY)
        head = call(app, "/static/digits.bin", "HEAD", SCRIPT_NAME=script_name)
        assert (head.status, head.body, head.headers) == (200, b"", whole.headers)


def test_ranges(app: WSGIApplication) -> None:
    one = call(app, "/static/digits.bin", HTTP_RANGE="bytes=-5")
    assert (one.status, one.body) == (206, b"56789")
    two = call(app, "/static/digits.bin", HTTP_RANGE="bytes=0-0,500-505")
    assert two.status == 206
    assert two.body.count(b"Content-Range: bytes ") == 2
    none = call(app, "/static/digits.bin", HTTP_RANGE="bytes=1000-")
    assert (none.status, none.headers["Content-Range"]) == (416, "bytes */1000")


def test_not_modified(app: WSGIApplication) -> None:
    tag = call(app, "/static/digits.bin").headers["ETag"]
    same = call(app, "/static/digits.bin", HTTP_IF_NONE_MATCH=tag)
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert "Content-Type" not in same.headers


def test_redirect_stays_below_the_mount_point(app: WSGIApplication, script_name: str) -> None:
    redirect = call(app, "/static/sub?q=1", SCRIPT_NAME=script_name)
    assert (redirect.status, redirect.headers["Location"]) == (301, "sub/?q=1")
    assert call(app, "/static/sub/", SCRIPT_NAME=script_name).body == b"<p>index</p>"


def test_misses_go_to_the_framework(app: WSGIApplication, script_name: str) -> None:
    for path, text in (("/", HOME_TEXT), ("/static/generated", STATIC_TEXT)):
        response = send(app, path, SCRIPT_NAME=script_name)
        assert (response.status, response.body) == (200, text.encode())


def test_posts_go_to_the_framework(app: WSGIApplication) -> None:
    response = send(app, "/static/hello.txt", "POST")
    assert (response.status, response.body) == (200, POST_TEXT.encode())


@pytest.mark.parametrize("path", ["/nope", "/static/nope.txt", "/static/../secret.txt"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_404_of_the_framework_is_unchanged(
    app: WSGIApplication, framework: WSGIApplication, path: str, method: str
) -> None:
    own, through = send(framework, path, method), send(app, path, method)
    assert own.status == 404
    own.headers.pop("Date", None)
    through.headers.pop("Date", None)
    assert (through.status, through.headers, through.body) == (404, own.headers, own.body)
