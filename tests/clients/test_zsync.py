"""zsync fetches the changes since an old version, in one request with many ranges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.programs import run
from tests.clients.recording import run_recorded_server

pytestmark = pytest.mark.clients


def test_update_from_an_old_version(site: Path, tmp_path: Path, content: bytes) -> None:
    old = bytearray(content)
    for start in range(100_000, 2_900_000, 400_000):
        old[start : start + 3000] = bytes(3000)
    seed, target = tmp_path / "seed", tmp_path / "big.bin"
    seed.write_bytes(old)
    index = site / "big.bin.zsync"
    run("zsyncmake", "-u", "big.bin", "-o", index, site / "big.bin")
    with run_recorded_server(site) as server:
        run("zsync", "-q", "-i", seed, "-o", target, server.url + "big.bin.zsync")
        assert server.requests_for("/big.bin.zsync") == [("GET", 200, "")]
        # zsync hangs unless the first boundary follows a CRLF.
        (ranges,) = server.exchanges_for("/big.bin")
        assert (ranges.status, ranges.is_multipart) == (206, True)
        assert ranges.range.count("-") == 7
        assert ranges.length < 100_000
    assert target.read_bytes() == content
