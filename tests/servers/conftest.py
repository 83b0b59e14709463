"""Fixtures of the tests on servers that are not written in Python."""

from __future__ import annotations

import pytest

from tests.servers.caches import EDGES, Edge
from tests.servers.fronts import FRONTS, Front
from tests.servers.mod_wsgi import BUILDS, mod_wsgi_lacks


def skip_without(lacking: str) -> None:
    """Skip the test where something is not installed; on CI that is a failure."""
    if lacking:
        pytest.skip(f"not installed: {lacking}")


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    """Each build of mod_wsgi in turn."""
    chosen: str = request.param
    skip_without(mod_wsgi_lacks(chosen))
    return chosen


@pytest.fixture(params=FRONTS, ids=str)
def front(request: pytest.FixtureRequest) -> Front:
    """Each kind of front server in turn."""
    chosen: Front = request.param
    skip_without(chosen.lacks())
    return chosen


@pytest.fixture(params=EDGES, ids=str)
def edge(request: pytest.FixtureRequest) -> Edge:
    """Each kind of caching server in turn."""
    chosen: Edge = request.param
    skip_without(chosen.lacks())
    return chosen
