"""Each server of the matrix is started once, with a site of its own."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.matrix.apache_rows import ALL_SERVERS
from tests.servers.matrix.rows import Server
from tests.servers.matrix.running import Running, running
from tests.servers.matrix.site import make_site


@pytest.fixture(scope="session", params=ALL_SERVERS, ids=str)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A running server."""
    row: Server = request.param
    skip_where_missing(row)
    site = make_site(tmp_path_factory.mktemp("site"))
    with running(row, tmp_path_factory.mktemp("server"), site) as it:
        yield it
    shutil.rmtree(site)


def skip_where_missing(row: Server) -> None:
    """Skip the test where what the row needs is not installed (on CI that is a failure)."""
    missing = [
        program
        for program in row.needs
        if shutil.which(program) is None and not Path(program).exists()
    ]
    if row.package:
        try:
            importlib.metadata.distribution(row.package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(row.package)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
