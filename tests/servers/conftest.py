"""Fixtures of the tests on servers that are not written in Python."""

from __future__ import annotations

import pytest

from tests.servers.caches import EDGES, Edge
from tests.servers.fronts import FRONTS, Front
from tests.servers.mod_wsgi import BUILDS, mod_wsgi_lacks


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    """Each build of mod_wsgi in turn."""
    chosen: str = request.param
    if lacking := mod_wsgi_lacks(chosen):
        pytest.skip(f"not installed: {lacking}")
    return chosen


@pytest.fixture(params=FRONTS, ids=str)
def front(request: pytest.FixtureRequest) -> Front:
    """Each kind of front server in turn."""
    chosen: Front = request.param
    if lacking := chosen.lacks():
        pytest.skip(f"not installed: {lacking}")
    return chosen


@pytest.fixture(params=EDGES, ids=str)
def edge(request: pytest.FixtureRequest) -> Edge:
    """Each kind of caching server in turn."""
    chosen: Edge = request.param
    if lacking := chosen.lacks():
        pytest.skip(f"not installed: {lacking}")
    return chosen
