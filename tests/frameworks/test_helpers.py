"""The range helpers, in views that build the response of their framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from webob import Request, Response
from webob.dec import wsgify

from tests.client import call
from wsgistatic import content_range, get_ranges, merge_ranges, unsatisfied_range

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BLOB = bytes(range(256)) * 4


def part_of_blob(value: str | None) -> tuple[int, dict[str, str], bytes]:
    """Return status, header fields and body of a response with at most one range."""
    headers = {"Content-Type": "application/octet-stream"}
    ranges = get_ranges(value, len(BLOB))
    if ranges == []:
        return 416, {**headers, "Content-Range": unsatisfied_range(len(BLOB))}, b""
    if ranges is None or len(merged := merge_ranges(ranges)) > 1:
        return 200, headers, BLOB
    start, stop = merged[0]
    headers["Content-Range"] = content_range(start, stop, len(BLOB))
    return 206, headers, BLOB[start:stop]


def bottle_app() -> WSGIApplication:
    bottle = pytest.importorskip("bottle")

    def view() -> Any:
        status, headers, body = part_of_blob(bottle.request.get_header("Range"))
        return bottle.HTTPResponse(body, status, headers)

    app = bottle.Bottle()
    app.get("/blob", callback=view)
    return app  # type: ignore[no-any-return]


def falcon_app() -> WSGIApplication:
    falcon = pytest.importorskip("falcon")

    class View:
        def on_get(self, req: Any, resp: Any) -> None:
            status, headers, resp.data = part_of_blob(req.get_header("Range"))
            resp.status = falcon.code_to_http_status(status)
            resp.set_headers(headers)

    app = falcon.App()
    app.add_route("/blob", View())
    return app  # type: ignore[no-any-return]


def flask_app() -> WSGIApplication:
    flask = pytest.importorskip("flask")

    def view() -> Any:
        status, headers, body = part_of_blob(flask.request.headers.get("Range"))
        return flask.Response(body, status, headers)

    app = flask.Flask("blob")
    app.add_url_rule("/blob", view_func=view)
    return app  # type: ignore[no-any-return]


def webob_app() -> WSGIApplication:
    @wsgify
    def view(request: Request) -> Response:
        status, headers, body = part_of_blob(request.headers.get("Range"))
        return Response(body, status, headers=headers)

    return view


@pytest.mark.parametrize("make", [bottle_app, falcon_app, flask_app, webob_app])
@pytest.mark.parametrize(
    ("value", "status", "content", "content_range_field"),
    [
        ("bytes=10-19", 206, BLOB[10:20], "bytes 10-19/1024"),
        ("bytes=-4", 206, BLOB[-4:], "bytes 1020-1023/1024"),
        ("bytes=0-9,5-14", 206, BLOB[:15], "bytes 0-14/1024"),
        ("bytes=0-0,9-9", 200, BLOB, None),
        ("lines=1-2", 200, BLOB, None),
        ("bytes=1024-", 416, b"", "bytes */1024"),
    ],
)
def test_part_of_a_blob(
    make: Callable[[], WSGIApplication],
    value: str,
    status: int,
    content: bytes,
    content_range_field: str | None,
) -> None:
    response = call(make(), "/blob", HTTP_RANGE=value)
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert (response.status, response.body) == (status, content)
    assert headers.get("content-range") == content_range_field
