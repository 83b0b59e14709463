"""The configuration files in the README, which the tests use with other ports and paths."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Mapping
from pathlib import Path

_README = (Path(__file__).parents[2] / "README.rst").read_text()
_BLOCK = re.compile(r"^\.\. code-block:: \w+\n\n    # (/\S+)\n((?:    .*\n|\n)+)", re.M)
_CONFIGURATIONS = {file: textwrap.dedent(lines) for file, lines in _BLOCK.findall(_README)}


def configuration(file: str, replaced: Mapping[str, str]) -> str:
    """Return the code block that starts with the name of a configuration file.

    Args:
        file: the absolute path of the configuration file.
        replaced: texts to replace, each with its replacement.
    """
    text = _CONFIGURATIONS[file]
    for old, new in replaced.items():
        assert old in text, f"{file} in the README has no {old!r}"
        text = text.replace(old, new)
    return text


def command_options(program: str) -> dict[str, str]:
    """Return the options and values of a program's command line in the README."""
    line = re.search(rf"^    {program} (.*)$", _README, re.M)
    assert line is not None, program
    words = shlex.split(line[1])
    return dict(zip(words[::2], words[1::2], strict=True))
