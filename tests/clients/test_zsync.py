"""zsync: what changed since the old version, in one request with many ranges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.programs import run
from tests.clients.recording import recorded

pytestmark = pytest.mark.clients


def test_a_new_version_is_made_of_the_old_one(site: Path, tmp_path: Path, content: bytes) -> None:
    old = bytearray(content)
    for start in range(100_000, 2_900_000, 400_000):
        old[start : start + 3000] = bytes(3000)
    seed, target = tmp_path / "seed", tmp_path / "big.bin"
    seed.write_bytes(old)
    index = site / "big.bin.zsync"
    run("zsyncmake", "-u", "big.bin", "-o", index, site / "big.bin")
    with recorded(site) as server:
        run("zsync", "-q", "-i", seed, "-o", target, server.url + "big.bin.zsync")
        assert server.asked("/big.bin.zsync") == [("GET", 200, "")]
        # It hangs unless CRLF comes before the first boundary.
        (ranges,) = server.of("/big.bin")
        assert (ranges.status, ranges.is_multipart) == (206, True)
        assert ranges.range.count("-") == 7
        assert ranges.length < 100_000
    assert target.read_bytes() == content
