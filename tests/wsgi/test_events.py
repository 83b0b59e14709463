"""The option ``on_answer``: one event for each response and each miss below the prefix."""

from __future__ import annotations

import errno
import gzip
import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import age, settle
from tests.platforms import ON_WINDOWS, make_fifo
from wsgistatic import AnswerEvent, StaticFiles
from wsgistatic.files.linux import LINUX
from wsgistatic.wsgi import middleware
from wsgistatic.wsgi.trace import Trace

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
OTHER_DATE = "Tue, 14 Nov 2023 22:13:19 GMT"

EventFor = Callable[..., AnswerEvent]


@pytest.fixture
def event_for(site: Path) -> EventFor:
    """Return a function that sends a request twice and returns its event, the same both times."""

    def ask(
        path: str, method: str = "GET", *, options: dict[str, Any] | None = None, **fields: str
    ) -> AnswerEvent:
        events: list[AnswerEvent] = []
        options = {"app": None, **(options or {})}
        app = StaticFiles(options.pop("app"), site, "/s", **options, on_answer=events.append)
        for _ in range(2):  # first without the cache, then from it
            call_raw(app, make_environ(path, method, **fields))
        assert len(events) == 2
        assert events[0] == events[1]
        return events[0]

    return ask


def inner(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"inner"]


@pytest.mark.parametrize(
    ("method", "fields", "status", "planned", "ranges", "refused"),
    [
        ("GET", {}, 200, 1000, (), None),
        ("HEAD", {}, 200, 0, (), None),
        ("GET", {"HTTP_RANGE": "bytes=0-9"}, 206, 10, ((0, 10),), None),
        ("HEAD", {"HTTP_RANGE": "bytes=0-9"}, 200, 0, (), None),
        ("GET", {"HTTP_IF_MODIFIED_SINCE": DATE}, 304, 0, (), None),
        ("GET", {"HTTP_IF_UNMODIFIED_SINCE": OTHER_DATE}, 412, 0, (),
         "a precondition that failed"),
        ("GET", {"HTTP_RANGE": "bytes=5000-"}, 416, 0, (), "a range beyond the end"),
    ],
)  # fmt: skip
def test_responses_with_a_file(
    site: Path,
    event_for: EventFor,
    method: str,
    fields: dict[str, str],
    status: int,
    planned: int,
    ranges: tuple[tuple[int, int], ...],
    refused: str | None,
) -> None:
    path = str(site / "digits.bin")
    event = event_for("/s/digits.bin", method, **fields)
    assert event == AnswerEvent(
        "/s/digits.bin", method, status, planned, None, ranges, path, refused
    )


def test_several_ranges_are_reported_as_merged(event_for: EventFor) -> None:
    event = event_for("/s/digits.bin", HTTP_RANGE="bytes=0-9,100-109,105-119")
    assert event.ranges == ((0, 10), (100, 120))
    assert event.bytes_planned is not None
    assert event.bytes_planned > 30


@pytest.mark.parametrize("fields", [{}, {"HTTP_IF_MODIFIED_SINCE": DATE}])
def test_a_stored_coding_is_reported_with_the_path_of_its_file(
    site: Path, event_for: EventFor, fields: dict[str, str]
) -> None:
    (site / "hello.txt").write_bytes(b"hello world\n" * 9)
    (site / "hello.txt.gz").write_bytes(gzip.compress(b"hello world\n" * 9))
    age(site / "hello.txt")
    age(site / "hello.txt.gz")
    event = event_for("/s/hello.txt", HTTP_ACCEPT_ENCODING="gzip", **fields)
    assert (event.coding, event.path) == ("gzip", str(site / "hello.txt.gz"))
    assert event_for("/s/hello.txt").coding is None


@pytest.mark.memory_cache
def test_a_coding_compressed_in_memory_is_reported_with_the_path_of_the_original(
    site: Path, event_for: EventFor
) -> None:
    (site / "long.txt").write_bytes(b"text " * 1000)
    age(site / "long.txt")
    settle()
    event = event_for("/s/long.txt", options={"compress": True}, HTTP_ACCEPT_ENCODING="gzip")
    assert (event.coding, event.path) == ("gzip", str(site / "long.txt"))


def test_a_response_that_the_front_server_sends(site: Path, event_for: EventFor) -> None:
    event = event_for("/s/digits.bin", options={"offload": ("X-Accel-Redirect", "/i/")})
    assert (event.status, event.bytes_planned) == (200, 0)
    assert event.path == str(site / "digits.bin")


def test_a_redirect(event_for: EventFor) -> None:
    event = event_for("/s/sub")
    assert event == AnswerEvent("/s/sub", "GET", 301, 0, None, (), None, None)


def test_a_directory_page(site: Path, event_for: EventFor) -> None:
    event = event_for("/s/bare/", options={"listing": True})
    assert (event.status, event.path) == (200, str(site / "bare"))
    assert event.bytes_planned


def test_a_directory_page_of_unknown_length(site: Path, event_for: EventFor) -> None:
    for number in range(1001):
        (site / "bare" / f"{number}").touch()
    event = event_for("/s/bare/", options={"listing": True})
    assert (event.status, event.bytes_planned) == (200, None)


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/s/none", "does not exist"),
        ("/s/.hidden", "a name that begins with a dot"),
        ("/s/bare/", "a directory without an index"),
        ("/s//", "not the canonical spelling of a path"),
        pytest.param(
            "/s/link", "a link that leads outside the directory", marks=pytest.mark.symlinks
        ),
        pytest.param("/s/pipe", "not a regular file", marks=pytest.mark.special_files),
    ],
)
def test_misses_have_a_reason(site: Path, event_for: EventFor, path: str, refused: str) -> None:
    if not ON_WINDOWS:
        (site / "link").symlink_to("../secret.txt")
        make_fifo(site / "pipe")
    event = event_for(path, options={"app": inner})
    assert event == AnswerEvent(path, "GET", None, None, None, (), None, refused)
    alone = event_for(path)
    assert (alone.status, alone.refused) == (404, refused)


def test_other_methods(event_for: EventFor) -> None:
    assert event_for("/s/hello.txt", "POST", options={"app": inner}) == AnswerEvent(
        "/s/hello.txt", "POST", None, None, None, (), None, "a method other than GET and HEAD"
    )
    event = event_for("/s/hello.txt", "POST")
    assert (event.status, event.refused) == (405, "a method other than GET and HEAD")
    event = event_for("/s/none", "POST")
    assert (event.status, event.refused) == (404, "does not exist")


def test_an_empty_path(site: Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, site, index="hello.txt", on_answer=events.append)
    for broken in ("", None):
        call_raw(app, {**make_environ("/"), "PATH_INFO": broken})
    assert [event.refused for event in events] == ["not the canonical spelling of a path"] * 2


def test_a_404_page_keeps_the_reason_of_the_miss(site: Path, event_for: EventFor) -> None:
    event = event_for("/s/none", options={"not_found": "hello.txt"})
    assert event[2:4] == (404, 12)
    assert (event.path, event.refused) == (str(site / "hello.txt"), "does not exist")


def test_a_reason_that_no_longer_holds(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, site, on_answer=events.append)
    monkeypatch.setattr(app.site._responder, "respond", lambda *arguments: None)
    assert call_raw(app, make_environ("/hello.txt")).status == 404
    assert events[0].refused == "something that is no longer the case"


@pytest.mark.usefixtures("ordinary_user")
def test_no_permission(public_directory: Path) -> None:
    private = public_directory / "private.txt"
    private.touch(mode=0)
    events: list[AnswerEvent] = []
    call(StaticFiles(None, public_directory, on_answer=events.append), "/private.txt")
    assert events[0].status == 403
    assert (events[0].path, events[0].refused) == (str(private), "no permission to read it")


@pytest.mark.system_calls
@pytest.mark.parametrize(("number", "status"), [(errno.EMFILE, 503), (errno.EIO, 500)])
def test_errors_of_the_file_system(
    site: Path, number: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, site, cache_size=0, on_answer=events.append)

    def fail(*arguments: Any, **keywords: Any) -> int:
        raise OSError(number, "failed")

    with monkeypatch.context() as broken:
        broken.setattr(LINUX, "_openat2", None)
        broken.setattr(os, "open", fail)
        assert call_raw(app, make_environ("/hello.txt")).status == status
    assert (events[0].status, events[0].refused) == (status, "an error, described in the log")
    assert events[0].path == str(site / "hello.txt")


def test_requests_outside_the_prefix_are_not_reported(site: Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(inner, site, "/s", on_answer=events.append)
    call(app, "/other")
    call(app, "/s-other")
    assert events == []


def test_an_exception_in_the_function_is_logged_and_the_response_is_sent(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: AnswerEvent) -> None:
        raise RuntimeError("no room for logs")

    app = StaticFiles(None, site, on_answer=fail)
    with caplog.at_level(logging.ERROR, "wsgistatic"):
        assert call(app, "/hello.txt").body == b"hello world\n"
    assert "the on_answer function failed" in caplog.text
    assert "no room for logs" in caplog.text


@pytest.mark.change_times
def test_the_event_comes_before_the_body_is_read(site: Path) -> None:
    events: list[AnswerEvent] = []
    (site / "large.bin").write_bytes(bytes(5_000_000))
    app = StaticFiles(None, site, on_answer=events.append)
    result = start(app, make_environ("/large.bin"))
    assert [event.bytes_planned for event in events] == [5_000_000]
    result.iterable.close()  # type: ignore[attr-defined]


def test_requests_are_traced_only_with_the_option(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = []

    def trace() -> Trace:
        traces.append(Trace())
        return traces[-1]

    monkeypatch.setattr(middleware, "Trace", trace)
    app = StaticFiles(None, site)
    assert app._files is app._cache.files  # the short path answers from the cache
    for path in ("/hello.txt", "/hello.txt", "/none"):
        call_raw(app, make_environ(path))
    assert traces == []
    call_raw(StaticFiles(None, site, on_answer=lambda event: None), make_environ("/none"))
    assert len(traces) == 1


REQUESTS: list[tuple[str, str, dict[str, str]]] = [
    ("/hello.txt", "GET", {}),
    ("/hello.txt", "HEAD", {}),
    ("/hello.txt", "POST", {}),
    ("/hello.txt", "GET", {"HTTP_IF_NONE_MATCH": "*"}),
    ("/hello.txt", "GET", {"HTTP_IF_MODIFIED_SINCE": DATE}),
    ("/hello.txt", "GET", {"HTTP_ACCEPT_ENCODING": "gzip"}),
    ("/digits.bin", "GET", {"HTTP_RANGE": "bytes=5-"}),
    ("/empty.bin", "GET", {}),
    ("/sub", "GET", {}),
    ("/sub/", "GET", {}),
    ("/none", "GET", {}),
    ("/..", "GET", {}),
]


@pytest.mark.parametrize("app", [None, inner])
def test_responses_are_the_same_with_the_option(site: Path, app: Any) -> None:
    (site / "hello.txt").write_bytes(b"hello world\n" * 9)
    (site / "hello.txt.gz").write_bytes(gzip.compress(b"hello world\n" * 9))
    age(site / "hello.txt")
    age(site / "hello.txt.gz")
    settle()
    apps = [StaticFiles(app, site), StaticFiles(app, site, on_answer=lambda event: None)]
    for path, method, fields in 2 * REQUESTS:
        one, other = (call_raw(each, make_environ(path, method, **fields)) for each in apps)
        assert (one.status, one.headers, one.body) == (other.status, other.headers, other.body)


NAMES = ("hello.txt", "sub", "index.html", "page", "to-sub", "to-outside", "loop", "pipe", "none",
         ".hidden", "..", "")  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"symlinks": "deny"}, {"symlinks": "follow"},
                                     {"index": None, "dotfiles": True}, {"listing": True},
                                     {"clean_urls": True, "fallback": "hello.txt"}])  # fmt: skip
def test_every_miss_has_a_reason(site: Path, options: dict[str, Any]) -> None:
    if not ON_WINDOWS:
        (site / "to-sub").symlink_to("sub")
        (site / "to-outside").symlink_to("..")
        (site / "loop").symlink_to("loop")
        make_fifo(site / "pipe")
    events: list[AnswerEvent] = []
    app = StaticFiles(None, site, **options, on_answer=events.append)
    for first, second in itertools.product(NAMES, NAMES):
        for path in (f"/{first}", f"/{first}/{second}", f"/{first}/{second}/"):
            call_raw(app, make_environ(path))
    for event in events:
        assert (event.refused is None) == (event.status in (200, 301)), event
        assert event.refused != "something that is no longer the case", event
