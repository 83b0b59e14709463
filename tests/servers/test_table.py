"""The documentation's table of servers is up to date."""

from __future__ import annotations

from tests.documents import DOCUMENTATION
from tests.servers.matrix.apache_servers import ALL_SERVERS
from tests.servers.matrix.servers import KINDS
from tests.servers.table import table_lines


def test_documented_table() -> None:
    # To update it: python -m tests.servers.table
    assert "\n".join(table_lines()) in DOCUMENTATION


def test_servers_have_unique_names_and_valid_kinds() -> None:
    assert len({server.name for server in ALL_SERVERS}) == len(ALL_SERVERS)
    assert all(server.closes <= set(KINDS) for server in ALL_SERVERS)
