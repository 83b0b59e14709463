"""wget resumes with -c by a range, and updates with -N by a date."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.conftest import SIZE
from tests.clients.programs import run
from tests.clients.recording import run_recorded_server
from tests.conftest import OLD

pytestmark = pytest.mark.clients

HALF = 1_234_567


def wget(folder: Path, *arguments: str) -> None:
    run("wget", "--no-verbose", "--directory-prefix", folder, *arguments)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def test_resume(site: Path, downloads: Path, content: bytes) -> None:
    target = downloads / "big.bin"
    target.write_bytes(content[:HALF])
    with run_recorded_server(site) as server:
        wget(downloads, "-c", server.url + "big.bin")
        assert server.requests_for("/big.bin") == [("GET", 206, f"{HALF}-")]
        assert server.exchanges[0].length == SIZE - HALF
    assert target.read_bytes() == content


def test_resume_of_a_whole_file(site: Path, downloads: Path, content: bytes) -> None:
    target = downloads / "big.bin"
    target.write_bytes(content)
    with run_recorded_server(site) as server:
        wget(downloads, "-c", server.url + "big.bin")
        assert server.requests_for("/big.bin") == [("GET", 416, f"{SIZE}-")]
        assert server.exchanges[0].headers["Content-Range"] == f"bytes */{SIZE}"
    assert target.read_bytes() == content


def test_copy_is_updated_when_the_file_is_newer(
    site: Path, downloads: Path, content: bytes
) -> None:
    target = downloads / "big.bin"
    with run_recorded_server(site) as server:
        for _ in range(2):
            wget(downloads, "-N", server.url + "big.bin")
            assert target.read_bytes() == content
            assert target.stat().st_mtime == OLD
        (site / "big.bin").write_bytes(content[::-1])
        os.utime(site / "big.bin", (OLD + 1, OLD + 1))
        wget(downloads, "-N", server.url + "big.bin")
        assert [exchange.status for exchange in server.exchanges] == [200, 304, 200]
        date = server.exchanges[0].headers["Last-Modified"]
        conditions = [exchange.fields.get("if-modified-since") for exchange in server.exchanges]
        assert conditions == [None, date, date]
    assert target.read_bytes() == content[::-1]
