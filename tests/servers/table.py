"""Print the documentation's table of servers: ``python -m tests.servers.table``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.servers.matrix.apache_servers import ALL_SERVERS, WRAPPER_BODY
from tests.servers.matrix.servers import (
    ALWAYS,
    GUNICORN_BODY,
    OURS,
    UWSGI_BODY,
    WAITRESS_BODY,
    Limit,
    ServerSpec,
)

_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_HEAD = ("server", "version", "large file sent by", "connection", "limits")
_BODIES = {
    OURS: "our iterator",
    WAITRESS_BODY: "its file_wrapper",
    GUNICORN_BODY: "its file_wrapper",
    UWSGI_BODY: "its file_wrapper",
    WRAPPER_BODY: "its file_wrapper",
}
_LETTERS = {limit: "abcdefghij"[place] for place, limit in enumerate(Limit)}


def table_lines() -> list[str]:
    """Return the lines of the table, and of the list that explains its letters."""
    cells = [_cells(server, pinned_versions()) for server in ALL_SERVERS]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    rule = " ".join("=" * width for width in widths)
    rows = [
        " ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (_HEAD, *cells)
    ]
    meanings = [f"{letter}. {limit.value}" for limit, letter in _LETTERS.items()]
    return [rule, rows[0], rule, *rows[1:], rule, "", *meanings]


def _cells(server: ServerSpec, versions: dict[str, str]) -> tuple[str, ...]:
    limits = ", ".join(letter for limit, letter in _LETTERS.items() if limit in server.limits)
    version = server.version or versions[server.package]
    return server.name, version, _BODIES[server.body], _connection(server.closes), limits


def _connection(closes: frozenset[str]) -> str:
    if not closes:
        return "kept"
    return "closed each time" if closes == ALWAYS else f"kept, closed after {' and '.join(closes)}"


def pinned_versions() -> dict[str, str]:
    """Return the versions that the dependency group ``servers`` pins, by distribution."""
    group = _PYPROJECT.read_text().split("\nservers = [")[1].split("]")[0]
    return dict(re.findall(r'"([\w.-]+)==([^"]+)"', group))


if __name__ == "__main__":
    print("\n".join(table_lines()))
