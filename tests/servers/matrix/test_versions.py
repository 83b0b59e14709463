"""What runs here is what the README's table says."""

from __future__ import annotations

import importlib.metadata
import platform

import pytest

from tests.servers.matrix.apache_rows import ALL_SERVERS
from tests.servers.matrix.conftest import skip_where_missing
from tests.servers.matrix.rows import SERVERS, Server
from tests.servers.table import pins

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("row", [row for row in ALL_SERVERS if row.package], ids=str)
def test_version(row: Server) -> None:
    skip_where_missing(row)
    assert importlib.metadata.version(row.package) == pins()[row.package]


def test_version_of_the_standard_library() -> None:
    row = next(row for row in SERVERS if row.name == "wsgiref")
    assert platform.python_version().startswith(f"{row.version}.")
