"""Fixtures of the tests on servers that are not written in Python."""

from __future__ import annotations

import pytest

from tests.servers.mod_wsgi import BUILDS, mod_wsgi_lacks


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if lacking := mod_wsgi_lacks(chosen):
        pytest.skip(f"not installed: {lacking}")
    return chosen
