"""Requests for files in a changing directory, checked against a model of the directory.

Every response must match the directory's current state. With ``stat_ttl`` it may also match a state
that ended less than ``stat_ttl`` ago.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.client import make_environ, start
from tests.conftest import as_ordinary_user
from tests.oracle import (
    File,
    Headers,
    Response,
    call_strictly,
    check_framing,
    check_response,
    date_forms,
    measure_multipart,
)
from tests.security.directory_model import (
    ANY_NAME,
    CANARY,
    CONTENTS,
    LETTERS,
    ChangingDirectory,
    Node,
    State,
    find,
)
from wsgistatic import StaticFiles

TTL = 0.05  # seconds
SIDECAR_DELAY = 1.1  # seconds; the cache looks for new sidecars once a second
SETTLED = 0.03  # seconds until a version can no longer change without a new time stamp
TYPES = {".txt": "text/plain; charset=utf-8", ".html": "text/html; charset=utf-8",
         ".gz": "application/gzip"}  # fmt: skip
RANGES = st.sampled_from(
    ["bytes=0-", "bytes=0-0", "bytes=5-9", "bytes=-7", "bytes=39-", "bytes=0-1,4-5,-1",
     "bytes=3-5,0-1", "bytes=0-9,5-20", "bytes=100000-100010,7-8", "bytes=x", "bytes=999999-"]
)  # fmt: skip


class ServedDirectory(ChangingDirectory):
    """The rules that send requests.

    Attributes:
        options: options of ``StaticFiles``.
        ttl: its ``stat_ttl``, in seconds.
        sidecar_delay: seconds for which a new sidecar may go unnoticed.
    """

    options: ClassVar[dict[str, Any]]
    ttl: ClassVar[float] = 0.0
    sidecar_delay: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, bytes] = {}
        options = {"listing": True, "block_size": 1000, **self.options}
        self.app = StaticFiles(None, self.root, **options)
        (self.root / "learn.txt").write_bytes(b"0123456789")
        measure_multipart(self.app, "/learn.txt", 10)

    def possible_states(self, start_time: float) -> list[State]:
        """Return the states that a response may match, if the request was sent at that time."""
        past_states = [
            s for end, s in self.past_states if self.ttl and end >= start_time - self.ttl - 0.01
        ]
        return [*past_states, self.state]

    def possible_representations(
        self, state: State, name: str, accept_gzip: bool
    ) -> list[File | int]:
        """Return the files that may be sent in a state, or the status of an error."""
        node = find(state, name)
        if node is None:
            return [404]
        if not node.readable:
            return [403]
        original = File(node.data, node.mtime, etag_for(node, ""))
        sidecar = find(state, f"{name}.gz") if accept_gzip else None
        coded: list[File | int] = []
        if sidecar is not None and sidecar.readable and sidecar.mtime >= node.mtime:
            coded = [File(sidecar.data, sidecar.mtime, etag_for(sidecar, "-gzip"))]
        may_be_unnoticed = (
            self.sidecar_delay and time.monotonic() - self.last_change < self.sidecar_delay
        )
        return [*coded, original] if not coded or may_be_unnoticed else coded

    @precondition(lambda self: self.state)
    @rule(
        name=ANY_NAME,
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        accept_gzip=st.booleans(),
        pause=st.sampled_from([0.0, SETTLED, SETTLED, TTL + SETTLED]),
        ranges=st.none() | st.none() | RANGES,
        condition=st.sampled_from(
            [None, None, None, None, "If-None-Match", "If-Match", "If-Range", "If-Modified-Since",
             "If-Unmodified-Since"]
        ),
        choice=st.integers(0, 99),
    )  # fmt: skip
    def request_file(
        self,
        name: str,
        method: str,
        accept_gzip: bool,
        pause: float,
        ranges: str | None,
        condition: str | None,
        choice: int,
    ) -> None:
        headers: Headers = {}
        if ranges is not None:
            headers["Range"] = ranges
        if condition is not None:
            dates = [date_forms(n.mtime)[0] for n in self.state.values() if n.target is None]
            tags = [*self.tags, '"other"'][-8:]
            values = dates if condition.endswith("Since") else [*tags, *dates]
            if condition in ("If-Match", "If-None-Match"):
                values = [*tags, "*", ", ".join(tags)]
            # The ETags depend on timing, so Hypothesis must not draw from them.
            headers[condition] = values[choice % len(values)] if values else "none"
        if accept_gzip:
            headers["Accept-Encoding"] = "gzip"
        time.sleep(pause)
        for _ in range(2):  # the second request may hit the cache
            self.send_and_check(name, method, headers)

    @rule(name=ANY_NAME, accept_gzip=st.booleans())
    def request_unconditionally(self, name: str, accept_gzip: bool) -> None:
        headers = {"Accept-Encoding": "gzip"} if accept_gzip else {}
        self.send_and_check(name, "GET", headers)
        time.sleep(SETTLED)
        self.send_and_check(name, "GET", headers)
        self.send_and_check(name, "GET", headers)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accept_gzip=st.booleans(), data=CONTENTS)
    def rewrite_between_requests(self, accept_gzip: bool, data: bytes) -> None:
        self.request_unconditionally("a.txt", accept_gzip)
        self.write_in_place("a.txt", data)
        self.request_unconditionally("a.txt", accept_gzip)

    @rule(data=CONTENTS, then=st.sampled_from(["rewritten", "replaced", "removed", "closed"]))
    def request_with_outdated_sidecar(self, data: bytes, then: str) -> None:
        self.replace("a.txt", LETTERS[0])  # the sidecars of a new file are looked up at once
        self.write_sidecar("a.txt")
        time.sleep(self.ttl)
        self.request_unconditionally("a.txt", True)
        if then == "rewritten":
            self.write_in_place("a.txt", data)
        elif then == "replaced":
            self.replace("a.txt", data)
        elif then == "removed":
            self.remove("a.txt.gz")
        else:
            self.change_mode("a.txt.gz", False)
        self.request_unconditionally("a.txt", True)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accept_gzip=st.booleans(), readable=st.booleans())
    def change_mode_between_requests(self, accept_gzip: bool, readable: bool) -> None:
        self.request_unconditionally("a.txt", accept_gzip)
        self.change_mode("a.txt", readable)
        self.request_unconditionally("a.txt", accept_gzip)

    @rule(letters=st.permutations(LETTERS), count=st.integers(2, 6))
    def rewrite_within_a_clock_tick(self, letters: list[bytes], count: int) -> None:
        """Rewrite a file so fast that size and time stamps may stay the same."""
        path = self.root / "a.txt"
        path.unlink(missing_ok=True)
        tags: dict[str, bytes] = {}
        for data in letters[:count]:
            path.write_bytes(data)
            self.record_change("a.txt", Node(data))
            for _ in range(2):
                start_time = time.monotonic()
                response = call_strictly(self.app, make_environ("/a.txt"))
                nodes = [find(state, "a.txt") for state in self.possible_states(start_time)]
                assert response.body in [node.data for node in nodes if node is not None]
                etag = response.fields["etag"]
                assert etag[:2] == "W/" or tags.setdefault(etag, response.body) == response.body
        self.record_change("a.txt", Node(data, self.set_time(path)))
        time.sleep(2 * self.ttl)  # until the cache drops entries with those time stamps

    @precondition(lambda self: self.state)
    @rule(
        name=ANY_NAME,
        accept_gzip=st.booleans(),
        blocks=st.integers(0, 3),
        change=st.sampled_from(["rewritten", "truncated", "grown", "replaced", "removed"]),
        data=CONTENTS,
    )
    def change_during_a_response(
        self, name: str, accept_gzip: bool, blocks: int, change: str, data: bytes
    ) -> None:
        headers = {"Accept-Encoding": "gzip"} if accept_gzip else {}
        start_time, before = time.monotonic(), self.state.copy()
        sent: list[bytes] = []
        with as_ordinary_user():
            result = start(self.app, make_environ(f"/{name}", "GET", headers))
            body = iter(result.iterable)
            sent += [next(body, b"") for _ in range(blocks)]
        if change == "rewritten":
            self.write_in_place(name, data)
        elif change == "truncated":
            self.truncate(name, 0)
        elif change == "grown":
            node = self.state.get(name)
            if node is not None and node.target is None:
                self.write_in_place(name, node.data + data)
        elif change == "replaced":
            self.replace(name, data)
        else:
            self.remove(name)
        broken = False
        try:
            sent += body
        except OSError:
            broken = True
        finally:
            getattr(result.iterable, "close", lambda: None)()
        content = b"".join(sent)
        expected = [
            r
            for state in [*self.possible_states(start_time), before]
            for r in self.possible_representations(state, name, accept_gzip)
        ]
        response = Response(result.status, list(result.headers.items()), [content], True)
        if not broken:
            assert any(self.matches(r, response, name, "GET", headers) for r in expected), response
        else:
            assert len(content) < int(result.headers["Content-Length"])
            files = [r for r in expected if isinstance(r, File)]
            same_etag = [r.data for r in files if r.etag == result.headers["ETag"]]
            assert same_etag
            assert all(data.startswith(content) for data in same_etag)

    @rule(
        path=st.sampled_from(["/", "/sub/", "/sub"]),
        method=st.sampled_from(["GET", "HEAD"]),
        accept_gzip=st.booleans(),
    )
    def request_directory(self, path: str, method: str, accept_gzip: bool) -> None:
        time.sleep(2 * self.ttl)  # so that only the current state counts
        index = find(self.state, "sub/index.html") if path != "/" else None
        if path == "/sub/" and index is not None:
            headers = {"Accept-Encoding": "gzip"} if accept_gzip else {}
            self.send_and_check("sub/index.html", method, headers, path)
            return
        environ = make_environ(path, method, {"Accept": "application/json"})
        with as_ordinary_user():
            response = call_strictly(self.app, environ)
            get_response = call_strictly(self.app, {**environ, "REQUEST_METHOD": "GET"})
        check_framing(response, method)
        if path == "/sub":
            readable = index is None or index.readable
            assert response.status == (301 if readable else 403)
            assert response.fields.get("location") == ("sub/" if readable else None)
            return
        assert response.fields["content-length"] == str(len(get_response.body))
        listed = {
            (entry["name"], entry["type"], entry["size"]) for entry in json.loads(get_response.body)
        }
        assert listed == self.expected_listing(path[1:])

    def expected_listing(self, folder: str) -> set[tuple[str, str, int | None]]:
        """Return name, type and size of the entries in a directory listing."""
        found: set[tuple[str, str, int | None]] = set()
        if not folder:
            found = {("learn.txt", "file", 10)}
            index = find(self.state, "sub/index.html")
            if index is None or index.readable:  # otherwise /sub/ is a 403 and is left out
                found.add(("sub", "directory", None))
        for name in self.state:
            node = find(self.state, name)
            if os.path.dirname(name) == folder.rstrip("/") and node is not None and node.readable:
                found.add((os.path.basename(name), "file", len(node.data)))
        return found

    @rule(name=ANY_NAME, method=st.sampled_from(["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]))
    def request_with_another_method(self, name: str, method: str) -> None:
        with as_ordinary_user():
            response = call_strictly(self.app, make_environ(f"/{name}", method))
        assert response.status == (404 if find(self.state, name) is None else 405)

    def send_and_check(self, name: str, method: str, headers: Headers, path: str = "") -> None:
        start_time = time.monotonic()
        with as_ordinary_user():
            response = call_strictly(self.app, make_environ(path or f"/{name}", method, headers))
        assert CANARY not in response.body
        accept_gzip = "Accept-Encoding" in headers
        possible = [
            r
            for s in self.possible_states(start_time)
            for r in self.possible_representations(s, name, accept_gzip)
        ]
        matching = [r for r in possible if self.matches(r, response, name, method, headers)]
        assert matching, (response, possible)
        etag = response.fields.get("etag")
        for expected in matching:
            if isinstance(expected, File) and expected.etag == etag:
                # A strong ETag never stands for two different contents.
                assert self.tags.setdefault(etag, expected.data) == expected.data

    def matches(
        self, expected: File | int, response: Response, name: str, method: str, headers: Headers
    ) -> bool:
        if isinstance(expected, int):
            return response.status == expected
        fields = {
            "Content-Type": TYPES[os.path.splitext(name)[1]],
            "Content-Length": str(len(expected.data)),
            "Accept-Ranges": "bytes",
            "ETag": expected.etag,
            "Last-Modified": date_forms(expected.mtime)[0],
            "Cache-Control": "public, max-age=60",
            "X-Content-Type-Options": "nosniff",
        }
        if expected.etag.endswith('-gzip"'):
            fields["Content-Encoding"] = "gzip"
        # Sidecars are looked up once a second, so Vary may appear late.
        fields_without_vary = [field for field in response.headers if field[0] != "Vary"]
        comparable = Response(response.status, fields_without_vary, response.blocks, response.sized)
        try:
            check_response(
                comparable, Response(200, list(fields.items()), [], True), expected, method, headers
            )
        except AssertionError:
            return False
        return True


def etag_for(node: Node, coding: str) -> str:
    return f'"{node.mtime * 10**9:x}-{len(node.data):x}{coding}"'
