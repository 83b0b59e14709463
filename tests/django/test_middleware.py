"""``StaticFilesMiddleware`` responds as ``wrap`` does, in both of Django's modes."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin
from wsgiref.headers import Headers

import django
import pytest
from asgiref.sync import markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path as route

from tests.client import call
from tests.conftest import age
from tests.connection import Connection
from tests.django.conftest import Configure, write
from tests.server_process import open_files
from tests.servers.processes import serve_in_thread
from tests.waiting import eventually
from wsgistatic.django import hosts
from wsgistatic.django.middleware import StaticFilesMiddleware
from wsgistatic.django.responses import django_response
from wsgistatic.django.wsgi import wrap

MIDDLEWARE = "wsgistatic.django.middleware.StaticFilesMiddleware"
BIG = bytes(range(256)) * 4000


def page(request: Any) -> HttpResponse:
    return HttpResponse(f"page for {request.get_host()}")


async def async_page(request: Any) -> HttpResponse:
    return HttpResponse("async page")


def gone(request: Any) -> HttpResponse:
    return HttpResponse("gone", status=410, headers={"Cache-Control": "max-age=5"})


urlpatterns = [
    route("page", page),
    route("async", async_page),
    route("static/gone.css", gone),
]


@pytest.fixture
def site(roots: Path, configure: Configure) -> Path:
    write(roots / "root/é.txt", "e acute")
    for name, content in (("big.bin", BIG), ("app.css.gz", gzip.compress(b"body {}", mtime=0))):
        (roots / "root" / name).write_bytes(content)
        age(roots / "root" / name)
    configure(MIDDLEWARE=[MIDDLEWARE], ROOT_URLCONF=__name__)
    return roots


@dataclass
class Answer:
    """A response of a test client."""

    status: str
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


def ask_sync(path: str, method: str = "GET", **headers: str) -> Answer:
    response = Client().generic(method, path, headers=with_hyphens(headers))
    return answer(response, response.getvalue())


def ask_async(path: str, method: str = "GET", **headers: str) -> Answer:
    async def request() -> Answer:
        response: Any = await AsyncClient().generic(method, path, headers=with_hyphens(headers))
        if not response.streaming:
            return answer(response, response.content)
        return answer(response, b"".join([block async for block in response]))

    return asyncio.run(request())


def with_hyphens(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def answer(response: Any, body: bytes) -> Answer:
    status = f"{response.status_code} {response.reason_phrase}"
    return Answer(status, dict(response.items()), body)


BOTH = pytest.mark.parametrize("ask", [ask_sync, ask_async])


def inner_app(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("the request is for a file")


def ask_wrap(path: str, method: str = "GET", **headers: str) -> Answer:
    """Do what the others do, with ``wrap``."""
    url, _, query = path.partition("?")
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    path_info = unquote(url, "latin-1")
    response = call(wrap(inner_app), path_info, method, QUERY_STRING=query, **environ)
    status = {200: "200 OK", 206: "206 Partial Content", 301: "301 Moved Permanently",
              304: "304 Not Modified", 412: "412 Precondition Failed",
              416: "416 Range Not Satisfiable"}[response.status]  # fmt: skip
    return Answer(status, response.headers, response.body)


def without_boundary(answer: Answer) -> Answer:
    """Replace the boundary of a multipart response, which is random."""
    found = re.search(r"boundary=(\w+)", answer.headers.get("Content-Type", ""))
    if found is None:
        return answer
    headers = answer.headers | {"Content-Type": "multipart/byteranges"}
    return Answer(answer.status, headers, answer.body.replace(found[1].encode(), b"boundary"))


@BOTH
@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/static/app.css", "GET", {}),
        ("/static/app.css", "HEAD", {}),
        ("/static/app.css", "GET", {"Accept_Encoding": "gzip"}),
        ("/static/app.css", "GET", {"Range": "bytes=0-3"}),
        ("/static/app.css", "GET", {"Range": "bytes=0-0,3-4"}),
        ("/static/app.css", "GET", {"Range": "bytes=99-"}),
        ("/static/app.css", "GET", {"If_None_Match": "*"}),
        ("/static/app.css", "GET", {"If_Modified_Since": "Tue, 14 Nov 2023 22:13:20 GMT"}),
        ("/static/app.css", "GET", {"If_Match": '"other"'}),
        ("/static/big.bin", "GET", {}),
        ("/static/big.bin", "HEAD", {}),
        ("/static/big.bin", "GET", {"Range": "bytes=5-700000"}),
        ("/static/big.bin", "GET", {"Range": "bytes=0-300000,500000-900000"}),
        ("/static/docs?q=%C3%A9", "GET", {}),
        ("/static/docs/", "GET", {}),
    ],
)
def test_same_responses_as_wrap(
    site: Path, ask: Ask, path: str, method: str, headers: dict[str, str]
) -> None:
    expected = without_boundary(ask_wrap(path, method, **headers))
    for _ in range(2):  # uncached, then cached
        assert without_boundary(ask(path, method, **headers)) == expected


def test_names_outside_ascii(site: Path) -> None:
    for _ in range(2):  # AsyncClient cannot send such a path
        assert ask_sync("/static/%C3%A9.txt") == ask_wrap("/static/%C3%A9.txt")


@BOTH
def test_other_requests_pass_through(site: Path, ask: Ask) -> None:
    assert ask("/page").body == b"page for testserver"
    assert ask("/async").body == b"async page"
    for path in ("/static/nope.css", "/static/../secret", "/nope", "/static-notes.txt"):
        assert ask(path).status == "404 Not Found"
    assert ask("/static/app.css", "POST").status == "404 Not Found"
    assert ask("/static/gone.css").headers["Cache-Control"] == "max-age=5"


@BOTH
def test_no_store_misses(site: Path, configure: Configure, ask: Ask) -> None:
    configure(WSGISTATIC={"no_store_misses": True})
    for path, status in (("/static/gone.css", "410 Gone"), ("/static/nope", "404 Not Found")):
        missing = ask(path)
        assert (missing.status, missing.headers["Cache-Control"]) == (status, "no-store")
    assert ask("/static/gone.css").body == b"gone"
    assert "Cache-Control" not in ask("/nope").headers


def test_allowed_hosts(site: Path, configure: Configure) -> None:
    ask = ask_sync  # AsyncClient always sends its own Host
    configure(ALLOWED_HOSTS=["testserver", "good.example"])
    for _ in range(2):
        assert ask("/static/app.css").status == "200 OK"
        assert ask("/static/app.css", Host="good.example").status == "200 OK"
        for path in ("/static/app.css", "/static/big.bin", "/page"):
            assert ask(path, Host="evil.example").status == "400 Bad Request"
        forwarded = {"Host": "evil.example", "X_Forwarded_Host": "good.example"}
        with override_settings(USE_X_FORWARDED_HOST=True):
            assert ask("/static/app.css", **forwarded).status == "200 OK"
            swapped = {"Host": "good.example", "X_Forwarded_Host": "evil.example"}
            assert ask("/static/app.css", **swapped).status == "400 Bad Request"
        assert ask("/static/app.css", **swapped).status == "200 OK"
        assert ask("/static/app.css", **forwarded).status == "400 Bad Request"


def test_hosts_are_checked_after_each_change_of_the_settings(site: Path) -> None:
    client = Client()
    assert client.get("/static/app.css", headers={"Host": "a.example"}).status_code == 200
    with override_settings(ALLOWED_HOSTS=["b.example"]):
        assert client.get("/static/app.css", headers={"Host": "a.example"}).status_code == 400


def test_number_of_remembered_hosts_is_bounded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_MAX_KNOWN", 100)
    middleware: Any = StaticFilesMiddleware(page)
    for number in range(200):
        request = RequestFactory().get("/static/app.css", headers={"Host": f"h{number}.example"})
        assert middleware(request).status_code == 200
    assert len(middleware._hosts.values) == 100


# Django 4.2 ignores FORCE_SCRIPT_NAME in the path of ASGI requests.
@pytest.mark.parametrize("ask", [ask_sync] if django.VERSION < (5,) else [ask_sync, ask_async])
@pytest.mark.parametrize("name", ["/app", "/app/"])
def test_force_script_name(site: Path, configure: Configure, ask: Ask, name: str) -> None:
    # Under ASGI, Django itself needs a name without a slash at its end.
    name = name.rstrip("/") if ask is ask_async else name
    configure(FORCE_SCRIPT_NAME=name, STATIC_URL="/app/static/")
    path = "/app/static/docs" if ask is ask_async else "/static/docs"
    location = ask(path).headers["Location"]
    assert urljoin("/app/static/docs", location) == "/app/static/docs/"
    assert ask(path + "/").body == b"<p>docs</p>"


def test_script_name_of_the_server(site: Path) -> None:
    redirect = Client().get("/static/docs", SCRIPT_NAME="/mount")
    location = redirect.headers["Location"]
    assert urljoin("/mount/static/docs", location) == "/mount/static/docs/"


def test_path_of_an_earlier_middleware_counts(site: Path) -> None:
    request = RequestFactory().get("/elsewhere")
    request.path_info = "/static/app.css"
    response: Any = StaticFilesMiddleware(page)(request)
    assert response.getvalue() == b"body {}"


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_changed_settings(site: Path, client: Any) -> None:
    write(site / "other/app.css", "other")
    one = client()

    def head(path: str) -> Any:
        response = one.head(path)
        return asyncio.run(response) if client is AsyncClient else response

    assert head("/static/app.css").headers["Content-Length"] == "7"
    with override_settings(STATIC_ROOT=site / "other", WSGISTATIC={"cache_control": "no-store"}):
        assert head("/static/app.css").headers["Content-Length"] == "5"
        assert head("/static/app.css").headers["Cache-Control"] == "no-store"
    assert head("/static/app.css").headers["Content-Length"] == "7"
    with override_settings(WSGISTATIC={"media": True}):
        assert head("/media/photo.jpg").status_code == 200
    assert head("/media/photo.jpg").status_code == 404


def test_wrong_settings_fail_at_the_start(site: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"stat_tll": 1})
    with pytest.raises(ImproperlyConfigured, match="Did you mean 'stat_ttl'"):
        StaticFilesMiddleware(page)


@BOTH
def test_finders(site: Path, configure: Configure, ask: Ask) -> None:
    configure(DEBUG=True)
    css = ask("/static/admin/css/base.css", Range="bytes=0-1")
    assert (css.status, css.body, css.headers["Cache-Control"]) == (
        "206 Partial Content", b"/*", "no-cache",
    )  # fmt: skip


class SyncOnly:
    sync_capable, async_capable = True, False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self.get_response(request)


class AsyncOnly:
    sync_capable, async_capable = False, True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: Any) -> Any:
        return await self.get_response(request)


@BOTH
@pytest.mark.parametrize("other", ["SyncOnly", "AsyncOnly"])
@pytest.mark.parametrize("is_first", [True, False])
def test_beside_middleware_of_one_mode(
    site: Path, configure: Configure, ask: Ask, other: str, is_first: bool
) -> None:
    pair = [f"{__name__}.{other}", MIDDLEWARE]
    configure(MIDDLEWARE=pair if is_first else pair[::-1])
    assert ask("/static/app.css").body == b"body {}"
    assert ask("/static/big.bin").body == BIG
    assert ask("/page").body == b"page for testserver"


@BOTH
def test_fields_that_a_function_repeats(site: Path, configure: Configure, ask: Ask) -> None:
    def headers(fields: Headers, path: str, url: str) -> None:
        fields.add_header("Link", "<a>")
        fields.add_header("Link", "<b>")

    configure(WSGISTATIC={"headers": headers})
    assert ask("/static/app.css").headers["Link"] == "<a>, <b>"


@pytest.mark.descriptors
def test_files_are_closed(site: Path) -> None:
    path = str(site / "root/big.bin")
    response = Client().get("/static/big.bin")
    assert path in open_files(os.getpid())
    response.close()
    assert path not in open_files(os.getpid())

    async def leave_early() -> None:
        response: Any = await AsyncClient().get("/static/big.bin")
        async for _ in response:
            assert path in open_files(os.getpid())
            break
        response.close()

    asyncio.run(leave_early())
    assert path not in open_files(os.getpid())
    with override_settings(ALLOWED_HOSTS=["other.example"]):
        assert Client().get("/static/big.bin").status_code == 400
    assert path not in open_files(os.getpid())


def test_ready_responses_have_the_attributes_of_djangos(site: Path) -> None:
    request, fields = RequestFactory().get("/"), [("Content-Type", "a/b")]
    ours: Any = django_response(request, "200 OK", fields, [b"x"])
    theirs = HttpResponse(b"x", content_type="a/b", status=200, reason="OK")
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.serialize() == theirs.serialize()
    assert repr(ours) == repr(theirs).replace("HttpResponse", "_ReadyResponse")
    ours.set_cookie("name", "value")
    ours["X-Added"] = "later"
    ours.write(b"y")
    assert (ours.content, ours["content-type"]) == (b"xy", "a/b")
    assert not hasattr(ours, "url")
    other = django_response(request, "200 OK", [], [])
    assert not other.cookies
    assert not other.headers


@BOTH
@pytest.mark.parametrize("is_first", [True, False])
def test_gzip_middleware_leaves_parts_alone(
    site: Path, configure: Configure, ask: Ask, is_first: bool
) -> None:
    pair = ["django.middleware.gzip.GZipMiddleware", MIDDLEWARE]
    configure(MIDDLEWARE=pair if is_first else pair[::-1])
    for stop in (999, 700_000):  # sent at once, and streamed
        part = ask("/static/big.bin", Accept_Encoding="gzip", Range=f"bytes=0-{stop}")
        assert (part.status, part.body) == ("206 Partial Content", BIG[: stop + 1])
        assert "Content-Encoding" not in part.headers


@pytest.mark.descriptors
def test_on_a_server(site: Path) -> None:
    path = str(site / "root/huge.bin")
    with open(path, "wb") as file:
        file.truncate(200_000_000)  # more than all buffers hold
    with serve_in_thread(get_wsgi_application()) as port:
        with Connection(port) as connection:
            for _ in range(2):  # uncached, then cached
                big = connection.request("/static/big.bin")
                assert big.body == BIG
                head = connection.request("/static/big.bin", "HEAD")
                assert (head.status, head.length) == (200, len(BIG))
                part = connection.request("/static/big.bin", Range="bytes=-500000")
                assert (part.status, part.body) == (206, BIG[-500000:])
                tag = big.headers["ETag"]
                assert connection.request("/static/big.bin", If_None_Match=tag).status == 304
                assert connection.request("/static/%C3%A9.txt").body == b"e acute"
        with Connection(port, receive_buffer=4096) as leaving:
            leaving.send("/static/huge.bin")
            assert leaving.read_head().status == 200
            assert path in open_files(os.getpid())
        assert eventually(lambda: path not in open_files(os.getpid()))
