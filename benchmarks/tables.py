"""Tables in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

_WIDTH = 110


def table(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Set rows under a title, if any: the first column to the left, the figures to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title] if title else []
    for name, *row in rows:
        figures = [cell.rjust(width) for cell, width in zip(row, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *figures]).rstrip())
    return "\n".join(lines)


def paragraphs(*texts: str) -> str:
    """Wrap each text that is not empty; no empty lines between them."""
    return "\n".join(textwrap.fill(text, _WIDTH) for text in texts if text)


def figure(value: float | None, otherwise: str = "no") -> str:
    """Write a figure with some three digits that count, or a word where there is none."""
    if value is None:
        return otherwise
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"
