"""The installed versions are those in the documentation's table."""

from __future__ import annotations

import importlib.metadata
import platform

import pytest

from tests.servers.matrix.apache_servers import ALL_SERVERS
from tests.servers.matrix.conftest import skip_unless_installed
from tests.servers.matrix.servers import SERVERS, ServerSpec
from tests.servers.table import pinned_versions

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("spec", [spec for spec in ALL_SERVERS if spec.package], ids=str)
def test_version(spec: ServerSpec) -> None:
    skip_unless_installed(spec)
    assert importlib.metadata.version(spec.package) == pinned_versions()[spec.package]


def test_version_of_the_standard_library() -> None:
    spec = next(spec for spec in SERVERS if spec.name == "wsgiref")
    assert platform.python_version().startswith(f"{spec.version}.")
