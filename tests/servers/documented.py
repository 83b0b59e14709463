"""Read configurations from the documentation, so that the tests run what it says."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Mapping

from tests.documents import DOCUMENTATION

_BLOCK = re.compile(r"^\.\. code-block:: \w+\n\n    # (/\S+)\n((?:    .*\n|\n)+)", re.M)
_CONFIGURATIONS = {file: textwrap.dedent(lines) for file, lines in _BLOCK.findall(DOCUMENTATION)}


def configuration(file: str, replaced: Mapping[str, str]) -> str:
    """Return the code block that begins with the path of a configuration file.

    Args:
        file: the absolute path that the documentation gives the file.
        replaced: the test's own ports and folders, by the text that they replace.
    """
    text = _CONFIGURATIONS[file]
    for old, new in replaced.items():
        assert old in text, f"the documented {file} has no {old!r}"
        text = text.replace(old, new)
    return text


def command_options(program: str) -> dict[str, str]:
    """Return the options, each with its value, that the documentation passes to a program."""
    line = re.search(rf"^    {program} (.*)$", DOCUMENTATION, re.M)
    assert line is not None, program
    words = shlex.split(line[1])
    return dict(zip(words[::2], words[1::2], strict=True))
