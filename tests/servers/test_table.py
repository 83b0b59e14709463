"""The README's table of servers is the rows of the matrix."""

from __future__ import annotations

from tests.servers.matrix.apache_rows import ALL_SERVERS
from tests.servers.matrix.rows import KINDS
from tests.servers.table import lines
from tests.test_readme import README


def test_the_table_is_the_rows() -> None:
    # Made by: python -m tests.servers.table
    assert "\n".join(lines()) in README


def test_rows_are_told_apart_and_close_after_what_there_is() -> None:
    assert len({row.name for row in ALL_SERVERS}) == len(ALL_SERVERS)
    assert all(row.closes <= set(KINDS) for row in ALL_SERVERS)
