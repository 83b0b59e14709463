"""The README's table of servers, made from the rows: ``python -m tests.servers.table``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.servers.matrix.apache_rows import ALL_SERVERS, WRAPPER_BODY
from tests.servers.matrix.rows import (
    ALWAYS,
    GUNICORN_BODY,
    OURS,
    UWSGI_BODY,
    WAITRESS_BODY,
    Limit,
    Server,
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


def lines() -> list[str]:
    """Return the table, and the list that explains its letters."""
    cells = [_cells(row, pins()) for row in ALL_SERVERS]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    rule = " ".join("=" * width for width in widths)
    rows = [
        " ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (_HEAD, *cells)
    ]
    meanings = [f"{letter}. {limit.value}" for limit, letter in _LETTERS.items()]
    return [rule, rows[0], rule, *rows[1:], rule, "", *meanings]


def _cells(row: Server, versions: dict[str, str]) -> tuple[str, ...]:
    limits = ", ".join(letter for limit, letter in _LETTERS.items() if limit in row.limits)
    version = row.version or versions[row.package]
    return row.name, version, _BODIES[row.body], _connection(row.closes), limits


def _connection(closes: frozenset[str]) -> str:
    if not closes:
        return "kept"
    return "closed each time" if closes == ALWAYS else f"kept, closed after {' and '.join(closes)}"


def pins() -> dict[str, str]:
    """Return the versions that the dependency group ``servers`` pins."""
    group = _PYPROJECT.read_text().split("\nservers = [")[1].split("]")[0]
    return dict(re.findall(r'"([\w.-]+)==([^"]+)"', group))


if __name__ == "__main__":
    print("\n".join(lines()))
