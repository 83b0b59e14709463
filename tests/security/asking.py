"""What is asked of a directory that changes; a state that it had must explain each answer.

Without a cache, and with one that asks by a stat each time, an answer must fit the present state;
with ``stat_ttl`` one of the states within that time.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.calling import start
from tests.conftest import as_ordinary_user
from tests.oracle import (
    Answer,
    File,
    Headers,
    call,
    check_answer,
    check_framing,
    date_forms,
    learn_multipart,
    make_environ,
)
from tests.security.changing import (
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
LAG = 1.1  # seconds: a sidecar that came is seen by a look a second
SETTLED = 0.03  # seconds after which a version is told from the next one, and kept
TYPES = {".txt": "text/plain; charset=utf-8", ".html": "text/html; charset=utf-8",
         ".gz": "application/gzip"}  # fmt: skip
RANGES = st.sampled_from(
    ["bytes=0-", "bytes=0-0", "bytes=5-9", "bytes=-7", "bytes=39-", "bytes=0-1,4-5,-1",
     "bytes=3-5,0-1", "bytes=0-9,5-20", "bytes=100000-100010,7-8", "bytes=x", "bytes=999999-"]
)  # fmt: skip


class AskedDirectory(ChangingDirectory):
    """What is asked of it meanwhile."""

    options: ClassVar[dict[str, Any]]
    ttl: ClassVar[float] = 0.0
    lag: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, bytes] = {}
        options = {"listing": True, "block_size": 1000, **self.options}
        self.app = StaticFiles(None, self.root, **options)
        (self.root / "learn.txt").write_bytes(b"0123456789")
        learn_multipart(self.app, "/learn.txt", 10)

    def states(self, began: float) -> list[State]:
        """Give the states that may explain an answer to a request that began then."""
        past = [s for end, s in self.past if self.ttl and end >= began - self.ttl - 0.01]
        return [*past, self.state]

    def representations(self, state: State, name: str, accepted: bool) -> list[File | int]:
        """Give what may be sent of a state: a file's bytes, or a status."""
        node = find(state, name)
        if node is None:
            return [404]
        if not node.readable:
            return [403]
        own = File(node.data, node.mtime, tag(node, ""))
        sidecar = find(state, f"{name}.gz") if accepted else None
        coded: list[File | int] = []
        if sidecar is not None and sidecar.readable and sidecar.mtime >= node.mtime:
            coded = [File(sidecar.data, sidecar.mtime, tag(sidecar, "-gzip"))]
        lagging = self.lag and time.monotonic() - self.sidecars_changed < self.lag
        return [*coded, own] if not coded or lagging else coded

    @precondition(lambda self: self.state)
    @rule(
        name=ANY_NAME,
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        accepted=st.booleans(),
        pause=st.sampled_from([0.0, SETTLED, SETTLED, TTL + SETTLED]),
        ranges=st.none() | st.none() | RANGES,
        condition=st.sampled_from(
            [None, None, None, None, "If-None-Match", "If-Match", "If-Range", "If-Modified-Since",
             "If-Unmodified-Since"]
        ),
        data=st.data(),
    )  # fmt: skip
    def ask(
        self,
        name: str,
        method: str,
        accepted: bool,
        pause: float,
        ranges: str | None,
        condition: str | None,
        data: st.DataObject,
    ) -> None:
        headers: Headers = {}
        if ranges is not None:
            headers["Range"] = ranges
        if condition is not None:
            dates = [date_forms(n.mtime)[0] for n in self.state.values() if n.target is None]
            tags = [*self.tags, '"other"'][-8:]
            offered = dates if condition.endswith("Since") else [*tags, *dates]
            if condition in ("If-Match", "If-None-Match"):
                offered = [*tags, "*", ", ".join(tags)]
            headers[condition] = data.draw(st.sampled_from(offered or ["none"]))
        if accepted:
            headers["Accept-Encoding"] = "gzip"
        time.sleep(pause)
        for _ in range(2):  # the second may be a hit of what the first one kept
            self.ask_once(name, method, headers)

    @rule(name=ANY_NAME, accepted=st.booleans())
    def ask_plainly(self, name: str, accepted: bool) -> None:
        headers = {"Accept-Encoding": "gzip"} if accepted else {}
        self.ask_once(name, "GET", headers)
        time.sleep(SETTLED)
        self.ask_once(name, "GET", headers)
        self.ask_once(name, "GET", headers)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accepted=st.booleans(), data=CONTENTS)
    def ask_and_change_and_ask(self, accepted: bool, data: bytes) -> None:
        self.ask_plainly("a.txt", accepted)
        self.write_in_place("a.txt", data)
        self.ask_plainly("a.txt", accepted)

    @rule(data=CONTENTS, then=st.sampled_from(["rewritten", "replaced", "removed", "closed"]))
    def ask_for_a_coding_that_gets_out_of_date(self, data: bytes, then: str) -> None:
        self.replace("a.txt", LETTERS[0])  # a new file: what is beside it is looked for at once
        self.write_sidecar("a.txt")
        time.sleep(self.ttl)
        self.ask_plainly("a.txt", True)
        if then == "rewritten":
            self.write_in_place("a.txt", data)
        elif then == "replaced":
            self.replace("a.txt", data)
        elif then == "removed":
            self.remove("a.txt.gz")
        else:
            self.change_mode("a.txt.gz", False)
        self.ask_plainly("a.txt", True)

    @precondition(lambda self: "a.txt" in self.state)
    @rule(accepted=st.booleans(), readable=st.booleans())
    def ask_and_close_and_ask(self, accepted: bool, readable: bool) -> None:
        self.ask_plainly("a.txt", accepted)
        self.change_mode("a.txt", readable)
        self.ask_plainly("a.txt", accepted)

    @rule(letters=st.permutations(LETTERS), count=st.integers(2, 6))
    def rewrite_and_ask_at_once(self, letters: list[bytes], count: int) -> None:
        """Within a tick of the clock, with times that nobody sets: all that differs is bytes."""
        path = self.root / "a.txt"
        path.unlink(missing_ok=True)
        tags: dict[str, bytes] = {}
        for data in letters[:count]:
            path.write_bytes(data)
            self.became("a.txt", Node(data))
            for _ in range(2):
                began = time.monotonic()
                answer = call(self.app, make_environ("/a.txt"))
                nodes = [find(state, "a.txt") for state in self.states(began)]
                assert answer.body in [node.data for node in nodes if node is not None]
                etag = answer.fields["etag"]
                assert etag[:2] == "W/" or tags.setdefault(etag, answer.body) == answer.body
        self.became("a.txt", Node(data, self.set_time(path)))
        time.sleep(2 * self.ttl)  # what has been trusted with those times is forgotten

    @precondition(lambda self: self.state)
    @rule(
        name=ANY_NAME,
        accepted=st.booleans(),
        blocks=st.integers(0, 3),
        change=st.sampled_from(["rewritten", "truncated", "grown", "replaced", "removed"]),
        data=CONTENTS,
    )
    def ask_while_it_changes(
        self, name: str, accepted: bool, blocks: int, change: str, data: bytes
    ) -> None:
        headers = {"Accept-Encoding": "gzip"} if accepted else {}
        began, before = time.monotonic(), self.state.copy()
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
        wanted = [
            r
            for state in [*self.states(began), before]
            for r in self.representations(state, name, accepted)
        ]
        answer = Answer(result.status, list(result.headers.items()), [content], True)
        if not broken:
            assert any(self.explains(r, answer, name, "GET", headers) for r in wanted), answer
        else:
            assert len(content) < int(result.headers["Content-Length"])
            files = [r for r in wanted if isinstance(r, File)]
            same = [r.data for r in files if r.etag == result.headers["ETag"]]
            assert same
            assert all(data.startswith(content) for data in same)

    @rule(
        path=st.sampled_from(["/", "/sub/", "/sub"]),
        method=st.sampled_from(["GET", "HEAD"]),
        accepted=st.booleans(),
    )
    def ask_for_a_directory(self, path: str, method: str, accepted: bool) -> None:
        time.sleep(2 * self.ttl)  # an index that is trusted stands for the present state
        index = find(self.state, "sub/index.html") if path != "/" else None
        if path == "/sub/" and index is not None:
            headers = {"Accept-Encoding": "gzip"} if accepted else {}
            self.ask_once("sub/index.html", method, headers, path)
            return
        environ = make_environ(path, method, {"Accept": "application/json"})
        with as_ordinary_user():
            answer = call(self.app, environ)
            whole = call(self.app, {**environ, "REQUEST_METHOD": "GET"})
        check_framing(answer, method)
        if path == "/sub":
            readable = index is None or index.readable
            assert answer.status == (301 if readable else 403)
            assert answer.fields.get("location") == ("/sub/" if readable else None)
            return
        assert answer.fields["content-length"] == str(len(whole.body))
        shown = {(entry["name"], entry["type"], entry["size"]) for entry in json.loads(whole.body)}
        assert shown == self.entries(path[1:])

    def entries(self, folder: str) -> set[tuple[str, str, int | None]]:
        """Give what a listing shows: name, type and size of what a request would be served."""
        found: set[tuple[str, str, int | None]] = set()
        if not folder:
            found = {("learn.txt", "file", 10)}
            index = find(self.state, "sub/index.html")
            if index is None or index.readable:  # else it is 403, and not shown
                found.add(("sub", "directory", None))
        for name in self.state:
            node = find(self.state, name)
            if os.path.dirname(name) == folder.rstrip("/") and node is not None and node.readable:
                found.add((os.path.basename(name), "file", len(node.data)))
        return found

    @rule(name=ANY_NAME, method=st.sampled_from(["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]))
    def ask_by_another_method(self, name: str, method: str) -> None:
        with as_ordinary_user():
            answer = call(self.app, make_environ(f"/{name}", method))
        assert answer.status == (404 if find(self.state, name) is None else 405)

    def ask_once(self, name: str, method: str, headers: Headers, path: str = "") -> None:
        began = time.monotonic()
        with as_ordinary_user():
            answer = call(self.app, make_environ(path or f"/{name}", method, headers))
        assert CANARY not in answer.body
        accepted = "Accept-Encoding" in headers
        allowed = [r for s in self.states(began) for r in self.representations(s, name, accepted)]
        explained = [r for r in allowed if self.explains(r, answer, name, method, headers)]
        assert explained, (answer, allowed)
        etag = answer.fields.get("etag")
        for wanted in explained:
            if isinstance(wanted, File) and wanted.etag == etag:
                # A strong tag is of one version of one representation for ever.
                assert self.tags.setdefault(etag, wanted.data) == wanted.data

    def explains(
        self, wanted: File | int, answer: Answer, name: str, method: str, headers: Headers
    ) -> bool:
        if isinstance(wanted, int):
            return answer.status == wanted
        fields = {
            "Content-Type": TYPES[os.path.splitext(name)[1]],
            "Content-Length": str(len(wanted.data)),
            "Accept-Ranges": "bytes",
            "ETag": wanted.etag,
            "Last-Modified": date_forms(wanted.mtime)[0],
            "Cache-Control": "public, max-age=60",
            "X-Content-Type-Options": "nosniff",
        }
        if wanted.etag.endswith('-gzip"'):
            fields["Content-Encoding"] = "gzip"
        # Whether there are other codings is known by a look a second: Vary may come late.
        varies = [field for field in answer.headers if field[0] != "Vary"]
        same = Answer(answer.status, varies, answer.blocks, answer.sized)
        try:
            check_answer(same, Answer(200, list(fields.items()), [], True), wanted, method, headers)
        except AssertionError:
            return False
        return True


def tag(node: Node, coding: str) -> str:
    return f'"{node.mtime * 10**9:x}-{len(node.data):x}{coding}"'
