"""Fixtures for servers that are not written in Python."""

from __future__ import annotations

import pytest

from tests.servers.caches import EDGES, Edge
from tests.servers.front_servers import FRONT_SERVERS, FrontServer
from tests.servers.mod_wsgi import BUILDS, missing_for_mod_wsgi


def skip_if_missing(missing: str) -> None:
    """Skip the test if a program or module is not installed."""
    if missing:
        pytest.skip(f"not installed: {missing}")


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    """A build of mod_wsgi."""
    chosen: str = request.param
    skip_if_missing(missing_for_mod_wsgi(chosen))
    return chosen


@pytest.fixture(params=FRONT_SERVERS, ids=str)
def front(request: pytest.FixtureRequest) -> FrontServer:
    """A front server."""
    chosen: FrontServer = request.param
    skip_if_missing(chosen.missing())
    return chosen


@pytest.fixture(params=EDGES, ids=str)
def edge(request: pytest.FixtureRequest) -> Edge:
    """A caching server."""
    chosen: Edge = request.param
    skip_if_missing(chosen.missing())
    return chosen
