"""Python libraries that read parts of remote files: fsspec, pyarrow and remotezip."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest

from tests.clients.conftest import SIZE
from tests.clients.recording import run_recorded_server
from tests.conftest import age

pytestmark = pytest.mark.clients

GROUPS = 20
ROWS = 10_000  # per group; each row has a number and a blob of 100 bytes


def http_filesystem() -> Any:
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    # A cached file system of another test would have connections to another server.
    return fsspec.filesystem("http", skip_instance_cache=True)


def test_fsspec_ranges(site: Path, content: bytes) -> None:
    filesystem = http_filesystem()
    with run_recorded_server(site) as server:
        url = server.url + "big.bin"
        assert filesystem.cat_file(url, 1000, 2000) == content[1000:2000]
        assert filesystem.cat_file(url, start=-500) == content[-500:]
        assert filesystem.cat_file(url, 0, 1) == content[:1]
        assert filesystem.cat_ranges([url] * 2, [7, 70], [9, 77]) == [content[7:9], content[70:77]]
        assert server.requests_for("/big.bin")[:3] == [
            ("GET", 206, "1000-1999"),
            ("GET", 206, "-500"),
            ("GET", 206, "0-0"),
        ]
        assert sorted(server.requests_for("/big.bin")[3:]) == [
            ("GET", 206, "7-8"),
            ("GET", 206, "70-76"),
        ]


def test_fsspec_seeks(site: Path, content: bytes) -> None:
    filesystem = http_filesystem()
    with run_recorded_server(site) as server:
        with filesystem.open(server.url + "big.bin", block_size=50_000) as file:
            assert file.size == SIZE
            file.seek(-100, os.SEEK_END)
            assert file.read() == content[-100:]
            file.seek(1_000_000)
            assert file.read(10) == content[1_000_000:1_000_010]
        assert server.requests_for("/big.bin") == [
            ("HEAD", 200, ""),
            ("GET", 206, f"{SIZE - 100}-{SIZE - 1}"),
            ("GET", 206, "1000000-1050009"),
        ]


def test_row_group_of_a_parquet_file(site: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    numbers = list(range(GROUPS * ROWS))
    blobs = [os.urandom(100) for _ in numbers]
    path = site / "table.parquet"
    table = pyarrow.table({"number": numbers, "blob": blobs})
    parquet.write_table(table, path, row_group_size=ROWS, compression="none", use_dictionary=False)
    age(path)
    filesystem = http_filesystem()
    with run_recorded_server(site) as server:
        url = server.url + "table.parquet"
        with filesystem.open(url, cache_type="none") as file, parquet.ParquetFile(file) as far:
            assert far.num_row_groups == GROUPS
            group = far.read_row_group(7)
        assert group.equals(table.slice(7 * ROWS, ROWS))
        size, footer, chunk = server.exchanges_for("/table.parquet")
        assert (size.method, size.status) == ("HEAD", 200)
        assert (footer.status, footer.range.split("-")[1]) == (206, f"{path.stat().st_size - 1}")
        assert (chunk.status, chunk.range.count("-")) == (206, 1)
        assert chunk.length < 1.1 * ROWS * 108
        with filesystem.open(url, cache_type="none") as file:
            row = parquet.read_table(file, columns=["number"], filters=[("number", "=", 123_456)])
        assert row.to_pylist() == [{"number": 123_456}]
        column = server.exchanges[-1]
        assert (column.status, column.length < 1.1 * ROWS * 8) == (206, True)


def test_member_of_a_zip_file(site: Path, content: bytes) -> None:
    remotezip = pytest.importorskip("remotezip")
    path = site / "archive.zip"
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for number in range(10):
            archive.writestr(f"{number}.bin", content[number * 300_000 :][:300_000])
    age(path)
    with run_recorded_server(site) as server:
        with remotezip.RemoteZip(server.url + "archive.zip") as archive:
            assert len(archive.namelist()) == 10
            assert archive.read("4.bin") == content[1_200_000:1_500_000]
        directory, member = server.exchanges_for("/archive.zip")
    assert (directory.status, directory.range) == (206, "-65536")
    assert (member.status, member.range.startswith("1200")) == (206, True)
    assert member.length < 301_000
