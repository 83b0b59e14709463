"""The guide to migrating, whose tables and examples the tests execute."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from tests.documents import ROOT

PAGE = (ROOT / "docs/howto/migrating.rst").read_text()


@dataclass
class Row:
    """A row of a table: what users have, what they write instead, and how these compare."""

    theirs: str
    ours: str
    comparison: str

    @property
    def name(self) -> str:
        """The name of the setting or of the first argument."""
        return re.split(r"[ =]", code(self.theirs)[0])[0]

    @property
    def verdict(self) -> str:
        return re.split(r"[., ]", self.comparison)[0]

    def __str__(self) -> str:
        return self.name


def table(title: str) -> list[list[str]]:
    """Return the cells of the rows of a list-table, without its header."""
    body = PAGE.split(f".. list-table:: {title}\n")[1]
    body = re.split(r"\n\n(?=\S)", body)[0]
    rows = body.split("\n   * - ")[1:]
    cells = [[" ".join(cell.split()) for cell in row.split("\n     - ")] for row in rows]
    return cells[1:]


def equivalents(title: str) -> list[Row]:
    return [Row(*cells) for cells in table(title)]


def code(cell: str) -> list[str]:
    """Return the pieces of code in a cell."""
    return re.findall(r"``(.+?)``", cell)


def run(cell: str, **names: Any) -> dict[str, Any]:
    """Run the assignments in a cell, and return the new names."""
    values = dict(names)
    for statement in code(cell):
        exec(statement, {}, values)
    return {name: value for name, value in values.items() if name not in names}


def arguments(cell: str, **names: Any) -> dict[str, Any]:
    """Return the keyword arguments in a cell."""
    found: dict[str, Any] = eval(f"dict({', '.join(code(cell))})", names)
    return found


def examples(language: str) -> list[str]:
    """Return the code blocks in a language."""
    block = re.compile(rf"^( *)\.\. code-block:: {language}\n\n((?:\1   .*\n|\n)+)", re.M)
    return [textwrap.dedent(text) for _, text in block.findall(PAGE)]


def diff() -> tuple[str, str]:
    """Return the settings before and after the change of the guide."""
    (lines,) = [example.splitlines() for example in examples("diff")]
    before, after = ([line[1:] for line in lines if line[:1] != sign] for sign in "+-")
    return "\n".join(before) + "\n", "\n".join(after) + "\n"
