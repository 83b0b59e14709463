"""Files that exist only in a content coding, such as ``.svgz``: who gets which bytes."""

from __future__ import annotations

import gzip
import logging
import os
import random
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call, call_raw, make_environ, start
from tests.conftest import age, encoded, settle
from wsgistatic import FileApp, StaticFiles, Validators, serve_file
from wsgistatic.files import decoded as decoded_module
from wsgistatic.files.decoded import DecodingReader
from wsgistatic.files.directory import Directory

pytestmark = pytest.mark.usefixtures("open_descriptors")

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0h9v9z'/></svg>" * 30
TYPES = {
    ".js.gz": ("text/javascript", "gzip"),
    ".wasm.br": ("application/wasm", "br"),
    ".data.zst": ("application/octet-stream", "zstd"),
    ".pbf": ("application/vnd.mapbox-vector-tile", "gzip"),
}
LARGE = random.Random(1).randbytes(300_000).hex().encode()


@pytest.fixture
def coded(site: Path) -> Path:
    for name, coding, content in (
        ("icon.svgz", "gzip", SVG),
        ("build.js.gz", "gzip", SVG),
        ("build.wasm.br", "br", SVG),
        ("build.data.zst", "zstd", SVG),
        ("7.pbf", "gzip", LARGE),
        ("empty.pbf", "gzip", b""),
        ("plain.gz", "gzip", SVG),
    ):
        (site / name).write_bytes(encoded(coding, content))
        age(site / name)
    settle()
    return site


def ask(app: Any, path: str, accepted: str | None = None, **extra: Any) -> Response:
    if accepted is not None:
        extra["HTTP_ACCEPT_ENCODING"] = accepted
    once = call(app, path, **extra)
    again = call(app, path, **extra)  # from the cache
    assert (again.status, again.body, again.headers) == (once.status, once.body, once.headers)
    return again


@pytest.mark.parametrize(
    ("name", "coding", "content_type", "content"),
    [
        ("icon.svgz", "gzip", "image/svg+xml", SVG),
        ("build.js.gz", "gzip", "text/javascript; charset=utf-8", SVG),
        ("build.wasm.br", "br", "application/wasm", SVG),
        ("build.data.zst", "zstd", "application/octet-stream", SVG),
        ("7.pbf", "gzip", "application/vnd.mapbox-vector-tile", LARGE),
        ("empty.pbf", "gzip", "application/vnd.mapbox-vector-tile", b""),
    ],
)
@pytest.mark.parametrize("compress", [False, pytest.param(True, marks=pytest.mark.memory_cache)])
@pytest.mark.parametrize("etag", ["stat", "content", None])
def test_coding_is_named_and_other_clients_get_the_decoded_bytes(
    coded: Path,
    name: str,
    coding: str,
    content_type: str,
    content: bytes,
    compress: bool,
    etag: Any,
) -> None:
    app = StaticFiles(None, coded, media_types=TYPES, compress=compress, etag=etag)
    stored = (coded / name).read_bytes()
    tags = []
    for accepted in (coding, "gzip, deflate, br, zstd", None, "identity", "", "deflate"):
        digest = {"HTTP_WANT_REPR_DIGEST": "sha-256=1"}
        result = ask(app, f"/{name}", accepted, **digest)
        is_coded = accepted is not None and coding in accepted
        assert result.status == 200
        assert result.body == (stored if is_coded else content)
        assert result.headers.get("Content-Encoding") == (coding if is_coded else None)
        assert result.headers["Content-Length"] == str(len(result.body))
        assert result.headers["Content-Type"] == content_type
        assert result.headers["Vary"] == "Accept-Encoding"
        assert result.headers["X-Content-Type-Options"] == "nosniff"
        assert ("Accept-Ranges" in result.headers) is is_coded
        assert ("Repr-Digest" in result.headers) is (is_coded and etag == "content")
        tags.append(result.headers.get("ETag"))
        head = ask(
            app, f"/{name}", accepted, REQUEST_METHOD="HEAD", HTTP_WANT_REPR_DIGEST="sha-256=1"
        )
        assert (head.status, head.headers, head.body) == (200, result.headers, b"")
        if etag is not None:
            same = ask(app, f"/{name}", accepted, HTTP_IF_NONE_MATCH=tags[-1])
            assert (same.status, same.headers["Vary"]) == (304, "Accept-Encoding")
            assert str(tags[-1]).startswith('"')
    assert len(set(tags)) == (1 if etag is None else 2)


def test_ranges_are_those_of_the_stored_bytes(coded: Path) -> None:
    app = StaticFiles(None, coded, media_types=TYPES)
    stored = (coded / "7.pbf").read_bytes()
    part = ask(app, "/7.pbf", "gzip", HTTP_RANGE="bytes=5-99")
    assert (part.status, part.body) == (206, stored[5:100])
    assert part.headers["Content-Encoding"] == "gzip"
    whole = ask(app, "/7.pbf", None, HTTP_RANGE="bytes=5-99")
    assert (whole.status, whole.body) == (200, LARGE)
    assert "Content-Range" not in whole.headers
    for tag in (part.headers["ETag"], whole.headers["ETag"]):
        ranged = {"HTTP_RANGE": "bytes=5-99", "HTTP_IF_RANGE": tag}
        expected = 206 if tag == part.headers["ETag"] else 200
        assert ask(app, "/7.pbf", "gzip", **ranged).status == expected
        assert ask(app, "/7.pbf", None, **ranged).status == 200


def test_decoding_is_streamed(coded: Path) -> None:
    content = bytes(20_000_000)
    (coded / "zeros.pbf").write_bytes(gzip.compress(content))
    settle()
    app = StaticFiles(None, coded, media_types=TYPES)
    tracemalloc.start()
    result = start(app, make_environ("/zeros.pbf"))
    assert result.headers["Content-Length"] == "20000000"
    assert sum(map(len, result.iterable)) == 20_000_000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("path", ["/a.svgz.gz", "/plain.gz"])
def test_compressed_files_that_are_not_declared_are_sent_as_they_are(
    coded: Path, path: str
) -> None:
    (coded / "a.svgz.gz").write_bytes(gzip.compress((coded / "icon.svgz").read_bytes()))
    settle()
    result = ask(StaticFiles(None, coded), path, "gzip")
    assert result.body == (coded / path[1:]).read_bytes()
    assert "Content-Encoding" not in result.headers


def test_sidecar_of_a_coded_file_is_not_used(coded: Path) -> None:
    (coded / "icon.svgz.br").write_bytes(encoded("br", (coded / "icon.svgz").read_bytes()))
    settle()
    result = ask(StaticFiles(None, coded), "/icon.svgz", "br, gzip;q=0.1")
    assert result.headers["Content-Encoding"] == "gzip"
    assert ask(StaticFiles(None, coded), "/icon.svgz", "br").body == SVG


def test_declared_file_is_still_a_sidecar(coded: Path) -> None:
    (coded / "build.js").write_bytes(SVG)
    age(coded / "build.js")
    settle()
    app = StaticFiles(None, coded, media_types=TYPES)
    assert ask(app, "/build.js", "gzip").headers["Content-Encoding"] == "gzip"


def spoiled(content: bytes) -> Iterator[bytes]:
    yield content[:-1]
    yield content[: len(content) // 2]
    yield content + content
    yield content[:300] + b"XXXX" + content[304:]
    yield b"not gzip"
    yield b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("number", range(6))
def test_file_that_cannot_be_decoded_is_an_error(
    coded: Path, number: int, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = list(spoiled(gzip.compress(LARGE)))[number]
    (coded / "bad.pbf").write_bytes(content)
    settle()
    app = StaticFiles(None, coded, media_types=TYPES)
    with caplog.at_level(logging.ERROR, "wsgistatic"):
        assert call_raw(app, make_environ("/bad.pbf", method)).status == 500
    assert "gzip" in caplog.text
    result = ask(app, "/bad.pbf", "gzip")
    assert (result.status, result.body) == (200, content)


@pytest.mark.live
@pytest.mark.parametrize("change", ["rewritten", "longer", "shorter", "broken", "same"])
def test_file_that_changes_while_it_is_decoded_breaks_the_response(
    coded: Path, change: str
) -> None:
    path = coded / "7.pbf"
    content = {
        "rewritten": gzip.compress(LARGE[::-1]),
        "longer": gzip.compress(LARGE + LARGE),
        "shorter": gzip.compress(LARGE[:500_000]),
        "broken": path.read_bytes()[:-9],
        "same": path.read_bytes(),  # only its time shows that it was written
    }[change]
    app = StaticFiles(None, coded, media_types=TYPES)
    result = start(app, make_environ("/7.pbf"))
    body = iter(result.iterable)
    blocks = [next(body)]
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"gzip|changed|ended|it decodes to more"):
        blocks.extend(body)
    received = sum(map(len, blocks))
    assert received < int(result.headers["Content-Length"])


def test_what_decodes_to_too_much_is_sent_in_its_coding(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded_module, "_MAX_DECODED", len(LARGE) - 1)
    app = StaticFiles(None, coded, media_types=TYPES)
    (coded / "8.pbf").write_bytes(gzip.compress(LARGE))
    settle()
    result = ask(app, "/8.pbf", "identity")
    assert result.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(result.body) == LARGE


def test_without_the_library_the_coding_is_sent(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    (coded / "other.wasm.br").write_bytes((coded / "build.wasm.br").read_bytes())
    settle()
    result = ask(StaticFiles(None, coded, media_types=TYPES), "/other.wasm.br")
    assert result.headers["Content-Encoding"] == "br"


@pytest.mark.parametrize(
    "offload", [("X-Accel-Redirect", "/internal"), ("X-Sendfile", "/srv"), None]
)
def test_front_server_gets_the_coding_only_if_it_passes_it_on(coded: Path, offload: Any) -> None:
    app = StaticFiles(None, coded, offload=offload)
    result = ask(app, "/icon.svgz", "gzip")
    assert result.headers["Content-Encoding"] == "gzip"
    is_nginx = offload is not None and offload[0] == "X-Accel-Redirect"
    assert result.headers.get("X-Accel-Redirect") == ("/internal/icon.svgz" if is_nginx else None)
    assert "X-Sendfile" not in result.headers
    assert result.body == (b"" if is_nginx else (coded / "icon.svgz").read_bytes())
    plain = ask(app, "/icon.svgz", "")
    assert plain.body == SVG
    assert "Content-Encoding" not in plain.headers


def test_file_app(coded: Path) -> None:
    app = FileApp(coded / "build.js.gz", media_types=TYPES)
    assert ask(app, "/", "gzip").headers["Content-Encoding"] == "gzip"
    assert ask(app, "/").body == SVG


def test_download_is_sent_as_it_is_stored_if_its_name_says_so(coded: Path) -> None:
    app = FileApp(coded / "icon.svgz", download_name="icon.svgz")
    for accepted in ("gzip", None):
        result = ask(app, "/", accepted)
        assert result.body == (coded / "icon.svgz").read_bytes()
        assert result.headers["Content-Type"] == "application/gzip"
        assert "Content-Encoding" not in result.headers
    app = FileApp(coded / "icon.svgz", download_name="icon.svg")
    result = ask(app, "/", "gzip")
    assert result.headers["Content-Type"] == "image/svg+xml"
    assert result.headers["Content-Encoding"] == "gzip"
    assert ask(app, "/").body == SVG


def test_coding_of_the_name_for_display(coded: Path) -> None:
    (coded / "upload-7").write_bytes((coded / "icon.svgz").read_bytes())
    settle()
    app = FileApp(coded / "upload-7", download_name="icon.svgz", disposition="inline")
    result = ask(app, "/", "gzip")
    assert result.headers["Content-Encoding"] == "gzip"
    assert result.headers["Content-Type"] == "image/svg+xml"
    assert ask(app, "/").body == SVG


def test_validators_of_the_caller_get_the_coding(coded: Path) -> None:
    app = FileApp(coded / "icon.svgz", validators=Validators('"v1"'))
    assert ask(app, "/", "gzip").headers["ETag"] == '"v1-gzip"'
    assert ask(app, "/").headers["ETag"] == '"v1"'
    app = FileApp(coded / "icon.svgz", validators=Validators(None, 86400))
    assert "ETag" not in ask(app, "/", "gzip").headers


@pytest.mark.symlinks
def test_length_is_that_of_the_version_although_its_link_was_switched(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (coded / "other.svgz").write_bytes(encoded("gzip", SVG * 2))
    link = coded / "current.svgz"
    link.symlink_to("icon.svgz")
    settle()
    real = Directory.open

    def switch_and_open(*arguments: Any) -> Any:
        link.unlink()
        link.symlink_to("other.svgz")
        return real(*arguments)

    def length() -> str:
        return call_raw(app, make_environ("/current.svgz", "HEAD")).headers["Content-Length"]

    app = StaticFiles(None, coded, cache_size=0)
    monkeypatch.setattr(Directory, "open", switch_and_open)
    assert length() == str(2 * len(SVG))
    monkeypatch.setattr(Directory, "open", real)
    link.unlink()
    link.symlink_to("icon.svgz")
    assert length() == str(len(SVG))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_member_of_an_archive(coded: Path, compression: int) -> None:
    path = coded / "archive.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("icon.svgz", encoded("gzip", SVG))
    settle()
    with zipfile.ZipFile(path) as archive:
        app = FileApp(zipfile.Path(archive, "icon.svgz"))
        assert ask(app, "/", "gzip").headers["Content-Encoding"] == "gzip"
        assert ask(app, "/").body == SVG


def test_content_tag_of_a_member_does_not_depend_on_the_first_request(coded: Path) -> None:
    path = coded / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("icon.svgz", encoded("gzip", SVG))
    settle()
    tags = set()
    for method in ("GET", "HEAD"):
        with zipfile.ZipFile(path) as archive:
            app = FileApp(zipfile.Path(archive, "icon.svgz"), etag="content")
            tags.add(ask(app, "/", REQUEST_METHOD=method, HTTP_ACCEPT_ENCODING="").headers["ETag"])
    assert len(tags) == 1


def test_file_object_with_a_name(coded: Path) -> None:
    with (coded / "icon.svgz").open("rb") as file:
        app = FileApp(file)
        assert ask(app, "/", "gzip").headers["Content-Encoding"] == "gzip"
        assert ask(app, "/").body == SVG
        assert ask(app, "/", REQUEST_METHOD="HEAD").headers["Content-Length"] == str(len(SVG))


@pytest.mark.parametrize(("size", "is_decoded"), [(300, True), (2_000_000, False)])
def test_source_without_a_version(size: int, is_decoded: bool) -> None:
    content = random.Random(size).randbytes(size)
    options: Any = {"download_name": "x.svgz", "disposition": "inline"}
    environ = make_environ("/")
    status, headers, body = serve_file(environ, gzip.compress(content, 0), **options)
    assert status == "200 OK"
    assert ("Content-Encoding" not in dict(headers)) is is_decoded
    received = b"".join(body)
    assert (received if is_decoded else gzip.decompress(received)) == content


def test_reader_can_go_back_and_skip(coded: Path) -> None:
    app = FileApp(coded / "7.pbf", media_types=TYPES)
    reader = app._source.open()
    decoding = DecodingReader(reader, "gzip", len(LARGE))
    for offset in (400_000, 0, 599_990, 250_000):
        piece = decoding.read_at(offset, 100)
        assert piece
        assert piece == LARGE[offset:][: len(piece)]
    assert decoding.read_at(len(LARGE), 1) == b""
    decoding.close()


def test_reader_returns_no_last_byte_of_what_became_longer(coded: Path) -> None:
    opened = FileApp(coded / "7.pbf", media_types=TYPES)._source.open()
    with pytest.raises(OSError, match="it decodes to more than it did before"):
        DecodingReader(opened, "gzip", 1000).read_at(999, 1)
    opened.close()


@pytest.mark.memory_cache
def test_each_version_is_measured_once_and_small_ones_are_kept(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(coded / "icon.svgz", (1_600_000_000, 1_600_000_000))
    settle()
    calls: list[str] = []
    real = decoded_module._decode

    def counting(*arguments: Any) -> Iterator[bytes]:
        calls.append("decoded")
        return real(*arguments)

    monkeypatch.setattr(decoded_module, "_decode", counting)
    app = StaticFiles(None, coded)
    for accepted in ("identity", "deflate", "", "identity"):
        assert call_raw(app, make_environ("/icon.svgz", HTTP_ACCEPT_ENCODING=accepted)).body == SVG
    assert 2 <= len(calls) <= 4
    calls.clear()
    for _ in range(5):
        call_raw(app, make_environ("/icon.svgz", HTTP_ACCEPT_ENCODING="identity"))
    assert calls == []
