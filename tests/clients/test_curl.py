"""curl: resuming, ranges, validators."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import age
from tests.serving import served

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(*arguments: str | Path) -> str:
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def content(site: Path) -> bytes:
    content = os.urandom(3_000_000)
    (site / "big.bin").write_bytes(content)
    age(site / "big.bin")
    return content


def test_resume(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    target.write_bytes(content[:1_234_567])
    with served(site) as server:
        written = "%{http_code} %{size_download}"
        output = curl("-C", "-", "-o", target, "-w", written, server.url + "big.bin")
    assert target.read_bytes() == content
    assert output == f"206 {3_000_000 - 1_234_567}"


def test_resume_of_a_whole_file(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    target.write_bytes(content)
    with served(site) as server:
        curl("-C", "-", "-o", target, server.url + "big.bin")
    assert target.read_bytes() == content


def test_ranges(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "part"
    with served(site) as server:
        for value, expected in (("0-99", content[:100]), ("-50", content[-50:])):
            curl("-r", value, "-o", target, server.url + "big.bin")
            assert target.read_bytes() == expected
        head = curl("-I", server.url + "big.bin")
        assert "Content-Length: 3000000" in head
        assert "Accept-Ranges: bytes" in head


def test_etag_files_and_time_conditions(site: Path, tmp_path: Path, content: bytes) -> None:
    tag, target = tmp_path / "tag", tmp_path / "download"
    with served(site) as server:
        url = server.url + "big.bin"
        curl("--etag-save", tag, "-R", "-o", target, url)
        assert target.read_bytes() == content
        again = curl("--etag-compare", tag, "-o", tmp_path / "x", "-w", "%{http_code}", url)
        assert again == "304"
        unmodified = curl("-z", target, "-o", tmp_path / "y", "-w", "%{http_code}", url)
        assert unmodified == "304"
