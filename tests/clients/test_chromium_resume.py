"""Headless Chromium resumes an aborted download with If-Range."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import SIZE, throttle
from tests.clients.recording import Recorder, run_recorded_server

pytestmark = pytest.mark.clients

FETCH_A_THIRD = """
async () => {
    const abort = new AbortController();
    const reader = (await fetch('big.bin', {signal: abort.signal})).body.getReader();
    for (let got = 0; got < 1e6; got += (await reader.read()).value.length);
    abort.abort();
}
"""
FETCH_ALL = """
async () => {
    const digest = await crypto.subtle.digest(
        'SHA-256', await (await fetch('big.bin')).arrayBuffer());
    return [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('');
}
"""


@pytest.fixture
def server(site: Path, content: bytes, page: Any) -> Iterator[Recorder]:
    """A server; the page has already fetched the first third of ``big.bin``."""
    (site / "index.html").write_text("<!doctype html>")
    with run_recorded_server(site) as server:
        page.goto(server.url)
        throttle(page, 2_000_000)
        page.evaluate(FETCH_A_THIRD)
        throttle(page, -1)
        yield server


def test_rest_of_the_same_version(server: Recorder, content: bytes, page: Any) -> None:
    assert page.evaluate(FETCH_ALL) == hashlib.sha256(content).hexdigest()
    first, probe, rest = server.exchanges_for("/big.bin")
    assert first.status == 200
    # Chromium first requests one byte, to check that its copy is still valid.
    start = int(rest.range.split("-")[0])
    assert start >= 1_000_000
    assert (probe.status, probe.range, probe.length) == (206, f"{start}-{start}", 1)
    assert (rest.status, rest.range) == (206, f"{start}-{SIZE - 1}")
    assert probe.fields["if-range"] == rest.fields["if-range"] == first.headers["ETag"]


def test_whole_file_of_another_version(
    site: Path, server: Recorder, content: bytes, page: Any
) -> None:
    (site / "big.bin").write_bytes(content[::-1])
    assert page.evaluate(FETCH_ALL) == hashlib.sha256(content[::-1]).hexdigest()
    first, probe = server.exchanges_for("/big.bin")
    assert probe.fields["if-range"] == first.headers["ETag"] != probe.headers["ETag"]
    assert (probe.status, probe.length) == (200, SIZE)
