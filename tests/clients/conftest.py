"""Fixtures of the tests with real clients."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import age

SIZE = 3_000_000


@pytest.fixture
def content(site: Path) -> bytes:
    """What ``big.bin`` holds: bytes that nothing can compress or guess."""
    content = os.urandom(SIZE)
    (site / "big.bin").write_bytes(content)
    age(site / "big.bin")
    return content
