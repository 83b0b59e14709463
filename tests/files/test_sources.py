"""Every kind of source gets complete responses: ranges, preconditions, closing."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tempfile
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import call, call_raw, make_environ, start
from tests.source_kinds import (
    DATED,
    KINDS,
    NAMED,
    SEQUENTIAL,
    TAGGED,
    Blob,
    source_of,
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
def test_whole_source(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        for _ in range(2):
            response = call(app, "/any")
            assert (response.status, response.body) == (200, CONTENT)
            assert max(map(len, response.blocks)) == 1000
            assert response.headers["Content-Length"] == str(SIZE)
            assert response.headers["Accept-Ranges"] == "bytes"
            known = kind in NAMED
            expected = "text/plain; charset=utf-8" if known else "application/octet-stream"
            assert response.headers["Content-Type"] == expected
            assert "Content-Disposition" not in response.headers


@each_kind
def test_head(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = call(FileApp(source), "/", "HEAD", HTTP_RANGE="bytes=0-1")
        assert (response.status, response.body) == (200, b"")
        assert response.headers["Content-Length"] == str(SIZE)


@each_kind
@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [("0-0", 0, 1), ("995-2004", 995, 2005), ("10000-", 10000, SIZE), ("-7", SIZE - 7, SIZE)],
)
def test_one_range(kind: str, tmp_path: Path, value: str, start: int, stop: int) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = call(FileApp(source, **OPTIONS), "/", HTTP_RANGE=f"bytes={value}")
        assert (response.status, response.body) == (206, CONTENT[start:stop])
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"


@each_kind
def test_several_ranges(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = call(FileApp(source, **OPTIONS), "/", HTTP_RANGE="bytes=1-1500,3000-3009,-5")
        assert response.status == 206
        assert parts_of(response.body, response.headers["Content-Type"]) == [
            CONTENT[1:1501],
            CONTENT[3000:3010],
            CONTENT[-5:],
        ]
        assert response.headers["Content-Length"] == str(len(response.body))


@each_kind
def test_ranges_in_descending_order(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = call(FileApp(source), "/", HTTP_RANGE="bytes=3000-3009,0-9")
        if kind in SEQUENTIAL:  # each range would be decompressed from the start
            assert (response.status, response.body) == (200, CONTENT)
        else:
            assert response.status == 206
            assert parts_of(response.body, response.headers["Content-Type"]) == [
                CONTENT[3000:3010],
                CONTENT[:10],
            ]


@each_kind
def test_range_beyond_the_end(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = call(FileApp(source), "/", HTTP_RANGE=f"bytes={SIZE}-")
        assert (response.status, response.body) == (416, b"")
        assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@each_kind
def test_empty_source(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, b"") as source:
        app = FileApp(source)
        response = call(app, "/")
        assert (response.status, response.body) == (200, b"")
        assert response.headers["Content-Length"] == "0"
        for value in ("bytes=0-", "bytes=0-99", "bytes=-5", "bytes=0-0,5-"):
            assert call(app, "/", HTTP_RANGE=value).status == 200


@each_kind
def test_entity_tag(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source)
        tag = call(app, "/").headers.get("ETag")
        assert (tag is not None) == (kind in TAGGED)
        if tag is None:
            assert call(app, "/", HTTP_IF_MATCH='"x"').status == 412
            assert call(app, "/", HTTP_IF_NONE_MATCH="*").status == 304
            return
        is_recent = tag.startswith("W/")  # as that of a temporary file: it matches none
        same = call(app, "/", HTTP_IF_NONE_MATCH=tag)
        assert (same.status, same.body) == ((200, CONTENT) if is_recent else (304, b""))
        assert ("Content-Length" in same.headers) is is_recent
        assert call(app, "/", HTTP_IF_NONE_MATCH='"x"').status == 200
        assert call(app, "/", HTTP_IF_MATCH='"x"').status == 412
        if not is_recent:
            assert call(app, "/", HTTP_IF_MATCH=tag).status == 200
            part = call(app, "/", HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE=tag)
            assert (part.status, part.body) == (206, CONTENT[:4])
        whole = call(app, "/", HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE='"x"')
        assert (whole.status, whole.body) == (200, CONTENT)


@each_kind
def test_date(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source)
        date = call(app, "/").headers.get("Last-Modified")
        if kind not in DATED:
            assert date is None
            return
        assert date == formatdate(DATED[kind], usegmt=True)
        earlier = formatdate(DATED[kind] - 1, usegmt=True)
        assert call(app, "/", HTTP_IF_MODIFIED_SINCE=date).status == 304
        assert call(app, "/", HTTP_IF_MODIFIED_SINCE=earlier).status == 200
        assert call(app, "/", HTTP_IF_UNMODIFIED_SINCE=earlier).status == 412
        assert call(app, "/", HTTP_RANGE="bytes=0-0", HTTP_IF_RANGE=date).status == 206
        assert call(app, "/", HTTP_RANGE="bytes=0-0", HTTP_IF_RANGE=earlier).status == 200


@each_kind
def test_validators_of_the_caller(kind: str, tmp_path: Path) -> None:
    date = formatdate(86400, usegmt=True)
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, validators=Validators('"v1"', 86400, True), etag=None)
        response = call(app, "/")
        assert (response.body, response.headers["ETag"]) == (CONTENT, '"v1"')
        assert response.headers["Last-Modified"] == date
        assert call(app, "/", HTTP_IF_NONE_MATCH='"v1"').status == 304
        assert call(app, "/", HTTP_IF_MATCH='"v0"').status == 412
        for value, status in (('"v1"', 206), (date, 206), ('"v0"', 200), ('W/"v1"', 200)):
            response = call(app, "/", HTTP_RANGE="bytes=-1", HTTP_IF_RANGE=value)
            assert response.status == status


def test_source_with_validators_of_the_caller_is_not_hashed() -> None:
    class Unread(Blob):
        def read(self, size: int = -1) -> bytes:
            assert size == 0  # a read that finds out whether it returns bytes or text
            return super().read(size)

    app = FileApp(Unread(CONTENT), validators=Validators('"v1"'), etag="content")
    assert call(app, "/", "HEAD").headers["ETag"] == '"v1"'


@each_kind
def test_entity_tag_from_content_and_digest(kind: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).digest()
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, etag="content")
        for _ in range(2):
            response = call(app, "/", HTTP_RANGE="bytes=5-9", HTTP_WANT_REPR_DIGEST="sha-256=1")
            assert (response.status, response.body) == (206, CONTENT[5:10])
            assert response.headers["ETag"].removeprefix("W/") == f'"{digest[:16].hex()}"'
            expected = f"sha-256=:{b64encode(digest).decode()}:"
            assert response.headers["Repr-Digest"] == expected


@each_kind
def test_no_entity_tag(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        assert "ETag" not in call(FileApp(source, etag=None), "/").headers


def test_entity_tag_of_bytes_depends_on_the_bytes_only() -> None:
    tags = {call(FileApp(each), "/").headers["ETag"] for each in (b"a", bytearray(b"a"), b"b")}
    assert len(tags) == 2


@given(
    kind=st.sampled_from(sorted(KINDS)),
    content=st.binary(max_size=3000),
    block_size=st.integers(1, 700),
    ranges=st.lists(st.tuples(st.integers(0, 3100), st.integers(0, 900)), min_size=1, max_size=5),
)
def test_any_ranges_of_any_source(
    kind: str, content: bytes, block_size: int, ranges: list[tuple[int, int]]
) -> None:
    value = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in ranges)
    with tempfile.TemporaryDirectory() as folder, source_of(kind, Path(folder), content) as source:
        app = FileApp(source, block_size=block_size)
        response = call_raw(app, make_environ("/", HTTP_RANGE=value))
        expected = call(FileApp(content), "/", HTTP_RANGE=value)  # bytes: any order is served
        if response.status == 200:
            assert response.body == content
            assert expected.status == 200 or kind in SEQUENTIAL
        elif response.status == 416:
            assert all(first >= len(content) for first, _ in ranges)
        elif "Content-Range" in response.headers:
            first, last = map(int, response.headers["Content-Range"][6:].split("/")[0].split("-"))
            assert response.body == content[first : last + 1]
        else:
            assert response.body.count(b"Content-Range: ") >= 2
            for part in response.body.split(b"Content-Range: bytes ")[1:]:
                first, last = map(int, part.split(b"/")[0].split(b"-"))
                assert part.partition(b"\r\n\r\n")[2].startswith(content[first : last + 1])


@each_kind
def test_client_that_disconnects(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        body: Any = start(FileApp(source, **OPTIONS), make_environ("/")).iterable
        assert next(iter(body)) == CONTENT[:1000]
        body.close()
        body.close()


@each_kind
def test_two_responses_that_are_read_by_turns(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        bodies: list[Any] = [start(app, make_environ("/")).iterable for _ in range(2)]
        blocks = list(zip(*bodies, strict=True))
        for of_one in zip(*blocks, strict=True):
            assert b"".join(of_one) == CONTENT


@each_kind
def test_many_threads(kind: str, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)

        def is_right(offset: int) -> bool:
            value = f"bytes={offset}-{offset + 2500}"
            response = call_raw(app, make_environ("/", HTTP_RANGE=value))
            return response.body == CONTENT[offset : offset + 2501]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(is_right, range(0, 6000, 37)))


@each_kind
def test_file_app_leaves_file_objects_open_and_serve_file_closes_them(
    kind: str, tmp_path: Path
) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        assert call(FileApp(source), "/").body == CONTENT
        assert not getattr(source, "closed", False)
        response = serve_file(make_environ("/"), source, **OPTIONS)
        assert response.status == "200 OK"
        assert b"".join(response.body) == CONTENT
        assert getattr(source, "closed", True) == (kind != "BytesIO")


def test_head_does_not_wait_for_a_response_that_reads_the_object() -> None:
    reading, head_is_done = Event(), Event()

    class Slow(Blob):
        def read(self, size: int = -1) -> bytes:
            if size:
                reading.set()
                assert head_is_done.wait(20)
            return super().read(size)

    app = FileApp(Slow(CONTENT))
    with ThreadPoolExecutor(1) as pool:
        body = pool.submit(lambda: call_raw(app, make_environ("/")).body)
        assert reading.wait(20)
        head = call_raw(app, make_environ("/", "HEAD"))
        head_is_done.set()
        assert body.result() == CONTENT
    assert head.headers["Content-Length"] == str(SIZE)


def test_responses_decompress_by_themselves(tmp_path: Path) -> None:
    with source_of("gzip", tmp_path, CONTENT) as file:
        app = FileApp(file, **OPTIONS)
        file.seek(100)
        body: Any = start(app, make_environ("/")).iterable
        next(body)
        assert call(app, "/").body == CONTENT
        assert file.tell() == 100
        file.close()
        assert call(app, "/").status == 500
        body.close()


def test_decompressing_object_that_was_closed_before_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENT))
    with path.open("rb") as file:
        with gzip.GzipFile(fileobj=file) as decompressing:
            app = FileApp(decompressing)
            assert call(app, "/").body == CONTENT
        assert call(app, "/").status == 500


def test_size_of_a_decompressed_file_that_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENT))
    with gzip.open(path) as file:
        app = FileApp(file)
        assert call(app, "/").body == CONTENT
        path.write_bytes(gzip.compress(CONTENT + b"more"))
        assert call(app, "/").body == CONTENT + b"more"


def test_raw_lzma_is_decompressed_with_the_filters_of_the_caller(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    path = tmp_path / "a.lzma"
    path.write_bytes(lzma.compress(CONTENT, lzma.FORMAT_RAW, filters=filters))
    with lzma.open(path, format=lzma.FORMAT_RAW, filters=filters) as file:
        assert call(FileApp(file), "/").body == CONTENT


def test_decompressed_bytes_in_memory() -> None:
    with gzip.open(io.BytesIO(gzip.compress(CONTENT))) as file:
        assert call(FileApp(file), "/", HTTP_RANGE="bytes=300-").body == CONTENT[300:]


def test_temporary_file_that_moves_to_the_disk_after_the_app_was_made() -> None:
    with tempfile.SpooledTemporaryFile(1000) as file:
        file.write(b"short")
        app = FileApp(file)
        assert call(app, "/").body == b"short"
        file.write(CONTENT)
        assert call(app, "/", HTTP_RANGE="bytes=5-").body == CONTENT
