"""The texts for users, in which the tests find examples, configurations and tables."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]

# One text, since a test looks for an example or a table and does not depend on its page.
DOCUMENTATION = "\n".join(page.read_text() for page in PAGES)

_BLOCK = re.compile(
    r"^\.\. code-block:: ([\w-]+)\n((?:    :[\w-]+:.*\n)*)\n((?:    .*\n|\n)+)", re.M
)


@dataclass(frozen=True)
class CodeBlock:
    """A code block.

    Attributes:
        language: the argument of the directive.
        options: the options of the directive, such as ``name``.
        text: the code.
    """

    language: str
    options: dict[str, str]
    text: str


def code_blocks(text: str) -> list[CodeBlock]:
    """Return the code blocks of a page that are not inside another directive."""
    return [
        CodeBlock(
            language,
            dict(re.findall(r":([\w-]+): *(.*)", options)),
            textwrap.dedent(code).strip("\n") + "\n",
        )
        for language, options, code in _BLOCK.findall(text)
    ]


def passage(start: str, end: str = "\n\n") -> str:
    """Return the only text in the documentation from ``start`` up to, but without, ``end``."""
    count = DOCUMENTATION.count(start)
    assert count == 1, f"{start!r} occurs {count} times in the documentation"
    begin = DOCUMENTATION.index(start)
    return DOCUMENTATION[begin : DOCUMENTATION.index(end, begin + len(start))]
