"""curl: resuming, ranges, validators."""

from __future__ import annotations

import gzip
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.clients.conftest import SIZE
from tests.clients.programs import run
from tests.clients.recording import run_recorded_server
from tests.conftest import age, settle
from tests.server_process import run_server
from wsgistatic.compress import Compressor
from wsgistatic.http.codings import CODINGS

pytestmark = pytest.mark.clients

HALF = 1_234_567


def curl(*arguments: str | Path) -> str:
    return run("curl", "--silent", "--show-error", "--max-time", "30", *arguments)


def test_resume(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    target.write_bytes(content[:HALF])
    with run_server(site) as server:
        curl("-C", "-", "-o", target, server.url + "big.bin")
        _, log = server.stop()
    assert target.read_bytes() == content
    assert f"GET /big.bin 206 {SIZE - HALF} bytes={HALF}-\n" in log


def test_resume_of_a_whole_file(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    target.write_bytes(content)
    with run_recorded_server(site) as server:
        curl("-C", "-", "-o", target, server.url + "big.bin")
        assert server.requests_for("/big.bin") == [("GET", 416, f"{SIZE}-")]
        # This field tells curl that the download is complete.
        assert server.exchanges[0].headers["Content-Range"] == f"bytes */{SIZE}"
    assert target.read_bytes() == content


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0-99", slice(0, 100)), ("-50", slice(-50, None)), ("2999999-", slice(-1, None))],
)
def test_range(site: Path, tmp_path: Path, content: bytes, value: str, expected: slice) -> None:
    target = tmp_path / "part"
    with run_recorded_server(site) as server:
        curl("-r", value, "-o", target, server.url + "big.bin")
        assert server.requests_for("/big.bin") == [("GET", 206, value)]
    assert target.read_bytes() == content[expected]


def test_several_ranges(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "parts"
    with run_recorded_server(site) as server:
        curl("-r", "0-99,-50,1000-1999", "-o", target, server.url + "big.bin")
        (response,) = server.exchanges
    assert (response.status, response.length) == (206, target.stat().st_size)
    assert response.range == "0-99,-50,1000-1999"
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + target.read_bytes()).walk()
    assert [(part["Content-Range"], part.get_payload(decode=True)) for part in parts][1:] == [
        (f"bytes 0-99/{SIZE}", content[:100]),
        (f"bytes {SIZE - 50}-{SIZE - 1}/{SIZE}", content[-50:]),
        (f"bytes 1000-1999/{SIZE}", content[1000:2000]),
    ]


def test_head_shows_support_for_ranges(site: Path, content: bytes) -> None:
    with run_recorded_server(site) as server:
        head = curl("-I", server.url + "big.bin")
        assert server.requests_for("/big.bin") == [("HEAD", 200, "")]
    assert f"Content-Length: {SIZE}" in head
    assert "Accept-Ranges: bytes" in head


def test_etag_files_and_time_conditions(site: Path, tmp_path: Path, content: bytes) -> None:
    tag, target, other = tmp_path / "tag", tmp_path / "download", tmp_path / "other"
    with run_recorded_server(site) as server:
        url = server.url + "big.bin"
        curl("--etag-save", tag, "-R", "-o", target, url)
        assert target.read_bytes() == content
        assert tag.read_text().strip() == server.exchanges[0].headers["ETag"]
        curl("--etag-compare", tag, "-o", other, url)
        curl("-z", target, "-o", other, url)
        (site / "big.bin").write_bytes(content[::-1])
        settle()  # until then no ETag is sent twice
        curl("--etag-compare", tag, "--etag-save", tag, "-o", target, url)
        curl("--etag-compare", tag, "-o", other, url)
        assert [exchange.status for exchange in server.exchanges] == [200, 304, 304, 200, 304]
        first, *_, new, _ = (exchange.headers["ETag"] for exchange in server.exchanges)
        conditions = [exchange.fields.get("if-none-match") for exchange in server.exchanges]
        assert conditions == [None, first, None, first, new]
        date = server.exchanges[0].headers["Last-Modified"]
        assert server.exchanges[2].fields["if-modified-since"] == date
    assert target.read_bytes() == content[::-1]
    assert not other.exists() or other.read_bytes() == b""


def test_compressed_option_does_not_decode_a_gz_file(site: Path, tmp_path: Path) -> None:
    text, packed = b"hello world\n" * 1000, site / "text.txt.gz"
    (site / "text.txt").write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    age(site / "text.txt")
    age(packed)
    page, archive = tmp_path / "page", tmp_path / "archive"
    with run_recorded_server(site) as server:
        curl("--compressed", "-o", page, server.url + "text.txt")
        curl("--compressed", "-o", archive, server.url + "text.txt.gz")
        first, second = server.exchanges
    assert first.headers["Content-Encoding"] == "gzip"
    assert "gzip" in first.fields["accept-encoding"]
    assert "Content-Encoding" not in second.headers
    assert page.read_bytes() == text
    assert archive.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize("coding", CODINGS)
def test_sidecars_are_decoded(site: Path, tmp_path: Path, coding: str) -> None:
    text = b"".join(b"line %d of some text\n" % number for number in range(50_000))
    (site / "text.txt").write_bytes(text)
    (made,) = Compressor([coding], levels={coding: 5}).compress_file(site / "text.txt").sidecars
    target = tmp_path / "page"
    with run_recorded_server(site, encodings=(coding,)) as server:
        curl("--compressed", "-o", target, server.url + "text.txt")
        (response,) = server.exchanges
    assert response.headers["Content-Encoding"] == coding
    assert response.length == made.size
    assert target.read_bytes() == text
