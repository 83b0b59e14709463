"""The texts for users, in which the tests find examples, configurations and tables."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]

# One text, since a test looks for an example or a table and does not depend on its page.
DOCUMENTATION = "\n".join(page.read_text() for page in PAGES)


def passage(start: str, end: str = "\n\n") -> str:
    """Return the only text in the documentation from ``start`` up to, but without, ``end``."""
    count = DOCUMENTATION.count(start)
    assert count == 1, f"{start!r} occurs {count} times in the documentation"
    begin = DOCUMENTATION.index(start)
    return DOCUMENTATION[begin : DOCUMENTATION.index(end, begin + len(start))]
