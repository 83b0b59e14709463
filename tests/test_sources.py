"""Every kind of source gets the full answers: ranges, preconditions, closing."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calling import call, call_bare, environ_of, start
from tests.source_kinds import (
    DATED,
    KINDS,
    NAMED,
    SEQUENTIAL,
    TAGGED,
    Blob,
    Node,
    source_of,
    zip_of,
)
from wsgistatic import FileApp, Validators, serve_file

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
OPTIONS: dict[str, Any] = {"block_size": 1000}

pytestmark = pytest.mark.usefixtures("open_descriptors")
each_kind = pytest.mark.parametrize("kind", KINDS)


def parts_of(body: bytes, content_type: str) -> list[bytes]:
    boundary = content_type.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary)[1:-1]
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]


@each_kind
def test_the_whole(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        for _ in range(2):
            answer = call(app, "/any")
            assert (answer.status, answer.body) == (200, CONTENT)
            assert max(map(len, answer.blocks)) == 1000
            assert answer.headers["Content-Length"] == str(SIZE)
            assert answer.headers["Accept-Ranges"] == "bytes"
            known = kind in NAMED
            expected = "text/plain; charset=utf-8" if known else "application/octet-stream"
            assert answer.headers["Content-Type"] == expected
            assert "Content-Disposition" not in answer.headers


@each_kind
def test_a_head(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = call(FileApp(source), "/", "HEAD", HTTP_RANGE="bytes=0-1")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(SIZE)


@each_kind
@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [("0-0", 0, 1), ("995-2004", 995, 2005), ("10000-", 10000, SIZE), ("-7", SIZE - 7, SIZE)],
)
def test_one_range(kind: str, tmp_path: Path, value: str, start: int, stop: int) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = call(FileApp(source, **OPTIONS), "/", HTTP_RANGE=f"bytes={value}")
        assert (answer.status, answer.body) == (206, CONTENT[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"


@each_kind
def test_several_ranges(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = call(FileApp(source, **OPTIONS), "/", HTTP_RANGE="bytes=1-1500,3000-3009,-5")
        assert answer.status == 206
        assert parts_of(answer.body, answer.headers["Content-Type"]) == [
            CONTENT[1:1501],
            CONTENT[3000:3010],
            CONTENT[-5:],
        ]
        assert answer.headers["Content-Length"] == str(len(answer.body))


@each_kind
def test_ranges_backwards(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = call(FileApp(source), "/", HTTP_RANGE="bytes=3000-3009,0-9")
        if kind in SEQUENTIAL:  # each would be decompressed from the start
            assert (answer.status, answer.body) == (200, CONTENT)
        else:
            assert answer.status == 206
            assert parts_of(answer.body, answer.headers["Content-Type"]) == [
                CONTENT[3000:3010],
                CONTENT[:10],
            ]


@each_kind
def test_a_range_out_of_reach(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = call(FileApp(source), "/", HTTP_RANGE=f"bytes={SIZE}-")
        assert (answer.status, answer.body) == (416, b"")
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@each_kind
def test_an_empty_source(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, b"") as source:
        app = FileApp(source)
        answer = call(app, "/")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == "0"
        assert call(app, "/", HTTP_RANGE="bytes=0-").status == 416
        assert call(app, "/", HTTP_RANGE="bytes=-5").status == 200


@each_kind
def test_tags(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source)
        tag = call(app, "/").headers.get("ETag")
        assert (tag is not None) == (kind in TAGGED)
        if tag is None:
            assert call(app, "/", HTTP_IF_MATCH='"x"').status == 412
            assert call(app, "/", HTTP_IF_NONE_MATCH="*").status == 304
            return
        same = call(app, "/", HTTP_IF_NONE_MATCH=tag)
        assert (same.status, same.body) == (304, b"")
        assert "Content-Length" not in same.headers
        assert call(app, "/", HTTP_IF_NONE_MATCH='"x"').status == 200
        assert call(app, "/", HTTP_IF_MATCH='"x"').status == 412
        if not tag.startswith("W/"):  # a temporary file is too new
            assert call(app, "/", HTTP_IF_MATCH=tag).status == 200
            part = call(app, "/", HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE=tag)
            assert (part.status, part.body) == (206, CONTENT[:4])
        whole = call(app, "/", HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE='"x"')
        assert (whole.status, whole.body) == (200, CONTENT)


@each_kind
def test_dates(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source)
        date = call(app, "/").headers.get("Last-Modified")
        if kind not in DATED:
            assert (date is None) == (kind != "temporary")
            return
        assert date == formatdate(DATED[kind], usegmt=True)
        earlier = formatdate(DATED[kind] - 1, usegmt=True)
        assert call(app, "/", HTTP_IF_MODIFIED_SINCE=date).status == 304
        assert call(app, "/", HTTP_IF_MODIFIED_SINCE=earlier).status == 200
        assert call(app, "/", HTTP_IF_UNMODIFIED_SINCE=earlier).status == 412
        assert call(app, "/", HTTP_RANGE="bytes=0-0", HTTP_IF_RANGE=date).status == 206
        assert call(app, "/", HTTP_RANGE="bytes=0-0", HTTP_IF_RANGE=earlier).status == 200


@each_kind
def test_validators_of_the_callers(kind: str, tmp_path: Path) -> None:
    date = formatdate(86400, usegmt=True)
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, validators=Validators('"v1"', 86400, True), etag=None)
        answer = call(app, "/")
        assert (answer.body, answer.headers["ETag"]) == (CONTENT, '"v1"')
        assert answer.headers["Last-Modified"] == date
        assert call(app, "/", HTTP_IF_NONE_MATCH='"v1"').status == 304
        assert call(app, "/", HTTP_IF_MATCH='"v0"').status == 412
        for value, status in (('"v1"', 206), (date, 206), ('"v0"', 200), ('W/"v1"', 200)):
            answer = call(app, "/", HTTP_RANGE="bytes=-1", HTTP_IF_RANGE=value)
            assert answer.status == status


@each_kind
def test_a_tag_by_content_and_its_digest(kind: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).digest()
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, etag="content")
        for _ in range(2):
            answer = call(app, "/", HTTP_RANGE="bytes=5-9", HTTP_WANT_REPR_DIGEST="sha-256=1")
            assert (answer.status, answer.body) == (206, CONTENT[5:10])
            assert answer.headers["ETag"].removeprefix("W/") == f'"{digest[:16].hex()}"'
            expected = f"sha-256=:{b64encode(digest).decode()}:"
            assert answer.headers["Repr-Digest"] == expected


@each_kind
def test_no_tag(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        assert "ETag" not in call(FileApp(source, etag=None), "/").headers


def test_a_tag_of_bytes_is_that_of_the_bytes() -> None:
    tags = {call(FileApp(each), "/").headers["ETag"] for each in (b"a", bytearray(b"a"), b"b")}
    assert len(tags) == 2


@given(
    kind=st.sampled_from(sorted(KINDS)),
    content=st.binary(max_size=3000),
    block_size=st.integers(1, 700),
    ranges=st.lists(st.tuples(st.integers(0, 3100), st.integers(0, 900)), min_size=1, max_size=5),
)
def test_what_arrives_is_what_is_there(
    kind: str, content: bytes, block_size: int, ranges: list[tuple[int, int]]
) -> None:
    value = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in ranges)
    with tempfile.TemporaryDirectory() as folder, source_of(kind, Path(folder), content) as source:
        app = FileApp(source, block_size=block_size)
        answer = call_bare(app, environ_of("/", HTTP_RANGE=value))
        asked = call(FileApp(content), "/", HTTP_RANGE=value)  # bytes: no order is refused
        if answer.status == 200:
            assert answer.body == content
            assert asked.status == 200 or kind in SEQUENTIAL
        elif answer.status == 416:
            assert all(first >= len(content) for first, _ in ranges)
        elif "Content-Range" in answer.headers:
            first, last = map(int, answer.headers["Content-Range"][6:].split("/")[0].split("-"))
            assert answer.body == content[first : last + 1]
        else:
            assert answer.body.count(b"Content-Range: ") >= 2
            for part in answer.body.split(b"Content-Range: bytes ")[1:]:
                first, last = map(int, part.split(b"/")[0].split(b"-"))
                assert part.partition(b"\r\n\r\n")[2].startswith(content[first : last + 1])


@each_kind
def test_a_client_that_goes_away(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        body: Any = start(FileApp(source, **OPTIONS), environ_of("/")).iterable
        assert next(iter(body)) == CONTENT[:1000]
        body.close()
        body.close()


@each_kind
def test_two_responses_at_a_time(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        bodies: list[Any] = [start(app, environ_of("/")).iterable for _ in range(2)]
        blocks = list(zip(*bodies, strict=True))
        for of_one in zip(*blocks, strict=True):
            assert b"".join(of_one) == CONTENT


@each_kind
def test_many_threads(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)

        def ask(place: int) -> bool:
            value = f"bytes={place}-{place + 2500}"
            answer = call_bare(app, environ_of("/", HTTP_RANGE=value))
            return answer.body == CONTENT[place : place + 2501]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(0, 6000, 37)))


@each_kind
def test_file_objects_are_left_open_by_file_app_and_closed_by_serve_file(
    kind: str, tmp_path: Path
) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        assert call(FileApp(source), "/").body == CONTENT
        assert not getattr(source, "closed", False)
        answer = serve_file(environ_of("/"), source, **OPTIONS)
        assert answer.status == "200 OK"
        assert b"".join(answer.body) == CONTENT
        assert getattr(source, "closed", True) == (kind != "BytesIO")


@pytest.mark.parametrize("kind", ["open", "object", "gzip"])
@pytest.mark.parametrize(
    ("status", "request_"),
    [
        ("200 OK", {"REQUEST_METHOD": "HEAD"}),
        ("304 Not Modified", {"HTTP_IF_NONE_MATCH": "*"}),
        ("412 Precondition Failed", {"HTTP_IF_MATCH": '"x"'}),
        ("416 Range Not Satisfiable", {"HTTP_RANGE": "bytes=99999-"}),
        ("405 Method Not Allowed", {"REQUEST_METHOD": "PUT"}),
    ],
)
def test_a_file_object_of_which_nothing_is_sent_is_closed_at_once(
    kind: str, status: str, request_: dict[str, str], tmp_path: Path
) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = serve_file({**environ_of("/"), **request_}, source)
        assert answer.status == status
        assert source.closed


def test_a_body_that_is_dropped_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    body: Any = serve_file(environ_of("/"), blob, **OPTIONS).body
    assert next(body) == CONTENT[:1000]
    assert not blob.closed
    body.close()
    assert blob.closed


def test_a_view_may_close_its_file_before_the_body_is_read(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        answer = FileApp(file, **OPTIONS).answer(environ_of("/"))
    assert b"".join(answer.body) == CONTENT


def test_a_failing_server_interface_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    with pytest.raises(AttributeError):
        serve_file(None, blob)  # type: ignore[arg-type]
    assert blob.closed


def test_a_source_closed_later_is_a_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("open", "spooled", "open member", "stored", "deflated"):
        with source_of(kind, tmp_path, CONTENT) as source:
            app = FileApp(source)
        assert call(app, "/").status == 500
    assert "the source was closed" in caplog.text


def test_the_path_is_not_told(tmp_path: Path) -> None:
    with source_of("stored", tmp_path, CONTENT) as source:
        app = FileApp(source)
    answer = call(app, "/")
    assert b"zip" not in answer.body
    assert "zip" not in str(answer.headers)


def test_a_file_cut_while_it_is_sent_breaks_the_response(tmp_path: Path) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        for validators in (None, Validators('"v1"')):
            path.write_bytes(CONTENT)
            with path.open("rb") as file:
                body: Any = start(
                    FileApp(file, **OPTIONS, validators=validators), environ_of("/")
                ).iterable
                next(iter(body))
                os.truncate(path, 10)
                with pytest.raises(OSError, match=r"changed|ended"):
                    list(body)


class Shrinking(Blob):
    def read(self, size: int = -1) -> bytes:
        return super().read(size)[:600]


class Failing(Blob):
    def read(self, size: int = -1) -> bytes:
        if size:
            raise RuntimeError("the database is gone")
        return b""


def test_reads_may_give_less_at_a_time() -> None:
    assert call(FileApp(Shrinking(CONTENT), **OPTIONS), "/").body == CONTENT


def test_an_object_that_comes_up_short_breaks_the_response() -> None:
    blob = Blob(CONTENT)
    body: Any = start(FileApp(blob, **OPTIONS), environ_of("/")).iterable
    blob._file.truncate(1500)
    with pytest.raises(OSError, match="ended before its length"):
        list(body)


def test_an_object_that_fails_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    assert call(FileApp(Failing(CONTENT)), "/").status == 500
    assert "the database is gone" in caplog.text


def test_a_member_that_is_broken_breaks_the_response(tmp_path: Path) -> None:
    random = os.urandom(100_000)
    path = zip_of(tmp_path / "a.zip", {"x.bin": random}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[60_000] ^= 0xFF
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        body: Any = start(
            FileApp(zipfile.Path(archive, "x.bin")), environ_of("/", HTTP_RANGE="bytes=0-9")
        ).iterable
        assert b"".join(body) == random[:10]
        app = FileApp(zipfile.Path(archive, "x.bin"), **OPTIONS)
        with pytest.raises(OSError, match="cannot be read"):
            list(start(app, environ_of("/")).iterable)


def test_a_member_whose_local_header_is_gone(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_STORED)
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    with zipfile.ZipFile(path) as archive:
        assert call(FileApp(zipfile.Path(archive, "x.bin")), "/").status == 500


def test_a_member_that_ends_early(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.bin").file_size += 10
        app = FileApp(zipfile.Path(archive, "x.bin"))
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE - 2}-").status == 500
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE + 5}-").status == 500
        assert call(app, "/", HTTP_RANGE="bytes=-12").status == 500


def test_an_archive_that_is_rewritten_in_place_is_served_no_more(tmp_path: Path) -> None:
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, compression)
        with zipfile.ZipFile(path) as archive:
            app = FileApp(zipfile.Path(archive, "x.bin"), **OPTIONS)
            body: Any = start(app, environ_of("/")).iterable
            assert next(iter(body)) == CONTENT[:1000]
            path.write_bytes(path.read_bytes()[:-1])
            with pytest.raises(OSError, match=r"changed|rewritten"):
                list(body)
            assert call(app, "/").status == 500


def test_no_file_of_a_package(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"d/x": b"x", "e/": b""}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(path) as archive:
        for name in ("", "d/", "d", "e/", "e", "x", "d/x/y"):
            assert call(FileApp(zipfile.Path(archive, name)), "/").status == 404, name
    assert call(FileApp(Node("x", None)), "/").status == 404
    assert call(FileApp(Node("x", {})), "/").status == 404


def test_links_and_encrypted_members_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("plain", CONTENT)
    with zipfile.ZipFile(path) as archive:
        assert call(FileApp(zipfile.Path(archive, "link")), "/").status == 404
        archive.getinfo("plain").flag_bits |= 1
        assert call(FileApp(zipfile.Path(archive, "plain")), "/").status == 500


def test_a_loader_that_gives_no_size() -> None:
    class Stream(Node):
        def open(self, mode: str = "r") -> Any:
            return Pipe()

    class Pipe(io.RawIOBase):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            raise io.UnsupportedOperation("seek")

    assert call(FileApp(Stream("x", b"")), "/").status == 500


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (5, TypeError, "source must be a path, bytes, .* not 5"),
        (None, TypeError, "source must be .* not None"),
        (io.StringIO("x"), TypeError, "source must be .* is one of text"),
        (zipfile.ZipFile, TypeError, "source must be .*ZipFile"),
        ("", ValueError, "source must be a path"),
    ],
)
def test_what_is_no_source(source: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FileApp(source)
    with pytest.raises(error, match=message):
        serve_file(environ_of("/"), source)


def test_file_objects_that_are_no_source(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    with path.open() as text, pytest.raises(TypeError, match="is one of text"):
        FileApp(text)  # type: ignore[arg-type]
    with path.open("rb") as closed:
        pass
    with pytest.raises(ValueError, match="source must be open"):
        FileApp(closed)
    with path.open("ab") as written, pytest.raises(ValueError, match="source must be readable"):
        FileApp(written)
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, pytest.raises(ValueError, match="must be seekable"):
        FileApp(pipe)
    os.close(writing)
    with open("/dev/null", "rb") as device, pytest.raises(ValueError, match="a regular file"):
        FileApp(device)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"download_name": 5}, TypeError, "download_name must be a file name or None, not 5"),
        ({"download_name": ""}, ValueError, "download_name must be .* not ''"),
        ({"disposition": "save"}, ValueError, "disposition must be one of .* not 'save'"),
        ({"validators": '"v1"'}, TypeError, "validators must be Validators or None, not"),
        ({"validators": Validators("v1")}, ValueError, "validators must have an etag .* 'v1'"),
        ({"validators": Validators(None, -1)}, ValueError, "validators must have whole .* -1"),
        ({"download_name": "x", "headers": 5}, TypeError, "headers must be a mapping"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FileApp(b"x", **options)


def test_a_download_name() -> None:
    app = FileApp(io.BytesIO(CONTENT), download_name='r\u00e9port "x".pdf')
    for request in ({}, {"HTTP_RANGE": "bytes=0-3"}):
        answer = call(app, "/", **request)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"r_port _x_.pdf\"; filename*=UTF-8''r%C3%A9port%20%22x%22.pdf"
        )
    refused = call(app, "/", HTTP_IF_MATCH='"x"')
    assert "Content-Disposition" not in refused.headers


def test_a_download_name_for_a_path_and_shown(site: Path) -> None:
    app = FileApp(site / "hello.txt", download_name="page.html", disposition="inline")
    answer = call(app, "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="page.html"'


def test_headers_of_ones_own_win_over_a_download_name() -> None:
    fields = {"Content-Disposition": "inline", "X-Own": "1"}
    app = FileApp(b"x", download_name="a.txt", headers=fields)
    answer = call(app, "/")
    assert answer.headers["Content-Disposition"] == "inline"
    assert (answer.headers["X-Own"], answer.headers["Content-Type"][:10]) == ("1", "text/plain")

    def change(headers: Any, path: str, url: str) -> None:
        headers["X-Was"] = headers["Content-Disposition"]
        headers["Content-Type"] = "image/png"

    answer = call(FileApp(b"x", download_name="a.txt", headers=change), "/")
    assert answer.headers["X-Was"] == 'attachment; filename="a.txt"'
    assert answer.headers["Content-Type"] == "image/png"


def test_options_apply_to_sources() -> None:
    app = FileApp(b"x", cache_control="private", allow_origin="*", headers={"X-Own": "1"})
    for request in ({}, {"HTTP_RANGE": "bytes=9-"}):
        answer = call(app, "/", **request)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Own"] == "1"
    assert call(app, "/").headers["Cache-Control"] == "private"
    assert call_bare(app, environ_of("/", "DELETE")).status == 405
    assert serve_file(environ_of("/", "HEAD"), "/nowhere/at/all").body == [b""]


def test_a_sidecar_of_an_open_file_where_it_is_asked_for(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        packed = tmp_path / "page.txt.gz"
        packed.write_bytes(gzip.compress(CONTENT))
        age(packed)
        app = FileApp(file, encodings=("gzip",))
        answer = call(app, "/", HTTP_ACCEPT_ENCODING="gzip")
        assert gzip.decompress(answer.body) == CONTENT
        assert (
            "Content-Encoding" not in call(FileApp(file), "/", HTTP_ACCEPT_ENCODING="gzip").headers
        )


def test_a_file_opened_by_its_descriptor_has_no_name(tmp_path: Path) -> None:
    with (
        source_of("path", tmp_path, CONTENT) as path,
        open(os.open(path, os.O_RDONLY), "rb") as file,
    ):
        answer = call(FileApp(file), "/")
        assert (answer.body, answer.headers["Content-Type"]) == (
            CONTENT,
            "application/octet-stream",
        )


class FileWrapper:
    def __init__(self, file: Any, block_size: int) -> None:
        self.file = file

    def __iter__(self) -> Any:
        return iter(lambda: self.file.read(4096), b"")

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("module", ["waitress.buffers", "mod_wsgi"])
def test_the_servers_file_wrapper_gets_no_shared_descriptor(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileWrapper, "__module__", module)
    with source_of("open", tmp_path, CONTENT) as file:
        file.seek(100)
        app = FileApp(file, file_wrapper=True)
        answer = call_bare(app, environ_of("/", **{"wsgi.file_wrapper": FileWrapper}))
        assert answer.body == CONTENT
        assert isinstance(answer.iterable, FileWrapper) == (module == "waitress.buffers")
        assert file.tell() == 100


def test_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_file, "read_at", version._seek_and_read)
    with source_of("open", tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        bodies: list[Any] = [start(app, environ_of("/")).iterable for _ in range(2)]
        blocks = list(zip(*bodies, strict=True))
        assert [b"".join(of_one) for of_one in zip(*blocks, strict=True)] == [CONTENT, CONTENT]


def test_a_shared_file_by_itself(tmp_path: Path) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        descriptor = os.open(path, os.O_RDONLY)
        with shared_file.SharedFile(descriptor, 10) as file:
            assert file.seek(5) == file.tell() == 5
            assert file.read(3) == CONTENT[15:18]
            buffer = bytearray(4)
            assert (file.readinto(buffer), bytes(buffer)) == (4, CONTENT[18:22])
            for wrong in (lambda: file.seek(0, os.SEEK_END), file.read):
                with pytest.raises(io.UnsupportedOperation):
                    wrong()


def test_what_was_written_through_the_object_is_served(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=tmp_path) as file:
        file.write(b"one")
        app = FileApp(file)
        assert call(app, "/", "HEAD").headers["Content-Length"] == "3"
        file.write(b" two")
        assert call(app, "/").body == b"one two"
