"""aria2 downloads a file over several connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import SIZE
from tests.clients.programs import run
from tests.clients.recording import run_recorded_server

pytestmark = pytest.mark.clients


def aria2(target: Path, url: str, *options: str) -> None:
    run("aria2c", "--no-conf", "--quiet", "--file-allocation=none", "--dir", target.parent,
        "--out", target.name, "--min-split-size=1M", *options, url)  # fmt: skip


def test_several_connections_share_a_file(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    (site / "big.bin").write_bytes(content * 2)
    with run_recorded_server(site) as server:
        aria2(target, server.url + "big.bin", "-x4", "-s4")
        first, *others = server.exchanges
    # aria2 splits the file by the length in the first response. Fast connections take over work
    # from slow ones, so the number of requests varies.
    assert (first.status, first.range, first.length) == (200, "", 2 * SIZE)
    assert len({exchange.port for exchange in server.exchanges}) > 2
    assert {exchange.status for exchange in others} == {206}
    starts = {int(exchange.range.split("-")[0]) for exchange in others}
    assert len(starts) >= 3
    assert target.read_bytes() == content * 2


def test_resume(site: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "download"
    target.write_bytes(content[:2_000_000])
    with run_recorded_server(site) as server:
        aria2(target, server.url + "big.bin", "--continue", "-s1")
        # The first response has the length; aria2 requests the rest from a multiple of 16 KiB.
        *_, (method, status, ranges) = server.requests_for("/big.bin")
    start, stop = map(int, ranges.split("-"))
    assert (method, status, stop) == ("GET", 206, SIZE - 1)
    assert 0 <= 2_000_000 - start < 16_384
    assert target.read_bytes() == content
