"""Fixtures of the server matrix: each server runs once, and has its own site."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.matrix.apache_servers import ALL_SERVERS
from tests.servers.matrix.running_server import RunningServer, run_server
from tests.servers.matrix.servers import ServerSpec
from tests.servers.matrix.site import make_site


@pytest.fixture(scope="session", params=ALL_SERVERS, ids=str)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A running server."""
    spec: ServerSpec = request.param
    skip_unless_installed(spec)
    site = make_site(tmp_path_factory.mktemp("site"))
    with run_server(spec, tmp_path_factory.mktemp("server"), site) as server:
        yield server
    shutil.rmtree(site)


def skip_unless_installed(spec: ServerSpec) -> None:
    """Skip the test if the server or a program that it needs is not installed."""
    missing = [
        program
        for program in spec.needs
        if shutil.which(program) is None and not Path(program).exists()
    ]
    if spec.package:
        try:
            importlib.metadata.distribution(spec.package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(spec.package)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
