"""The documents: valid reStructuredText whose paths, modules and groups exist."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

import wsgistatic

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path.name for path in ROOT.glob("*.rst"))
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.rst"))
SOURCES = [*DOCUMENTS, *PAGES, ".ci/run"]


def mentioned(source: str, pattern: str) -> set[str]:
    """Return all matches of a pattern's only group in a file."""
    return set(re.findall(pattern, (ROOT / source).read_text()))


def names_in_table(name: str) -> set[str]:
    """Return the keys of a table of lists in pyproject.toml (``tomllib`` needs Python 3.11)."""
    text = (ROOT / "pyproject.toml").read_text()
    table = text.split(f"\n[{name}]\n")[1].split("\n[")[0]
    return set(re.findall(r"^([\w-]+) = \[", table, re.M))


def test_the_documents_are_found() -> None:
    assert {"README.rst", "CHANGES.rst", "CONTRIBUTING.rst", "SECURITY.rst"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_docutils_has_no_remarks(document: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docutils", "--report=info", "--syntax-highlight=none", document],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    assert "</html>" in done.stdout


@pytest.mark.parametrize("source", SOURCES)
def test_paths_exist(source: str) -> None:
    pattern = r"(?<![\w./-])((?:tests|benchmarks|wsgistatic|docs|\.ci)/[\w./]*\w(?:::\w+)?)"
    for path in mentioned(source, pattern) - {"tests/clients/test_NAME.py", "docs/_build"}:
        file, _, test = path.partition("::")
        assert (ROOT / file).exists(), path
        assert not test or f"\ndef {test}(" in (ROOT / file).read_text(), path


@pytest.mark.parametrize("source", SOURCES)
def test_modules_of_commands_exist(source: str) -> None:
    for module in mentioned(source, r"-m ((?:tests|benchmarks|wsgistatic)(?:\.[a-z_]+)*)\b"):
        assert find_spec(module) is not None, module


@pytest.mark.parametrize("source", [*DOCUMENTS, *PAGES])
def test_prose_has_at_most_100_characters_a_line(source: str) -> None:
    long = [line for line in (ROOT / source).read_text().splitlines() if len(line) > 100]
    # Tables, and a command that CI takes from its line, may be longer.
    assert [line for line in long if not re.search(r"\S  +\S|^ *[.=]|^    npm ", line)] == []


@pytest.mark.parametrize("source", ["README.rst", *PAGES])
def test_measurements_name_their_command(source: str) -> None:
    figures = mentioned(source, r"(\d (?:us|ms|MB|%)(?!\w)|Microseconds|times as \w+|halves)")
    commands = mentioned(source, r"python -m (benchmarks\.\w+)")
    assert commands or not figures, figures


@pytest.mark.parametrize("source", SOURCES)
def test_groups_and_extras_exist(source: str) -> None:
    assert mentioned(source, r"--group ([a-z-]+)") <= names_in_table("dependency-groups")
    assert mentioned(source, r'"\.\[([a-z]+)\]"') <= names_in_table("project.optional-dependencies")


def test_the_readme_is_short() -> None:
    readme = (ROOT / "README.rst").read_text()
    assert len(readme.splitlines()) <= 250
    assert "image::" not in readme  # a package index has no images beside it


def test_the_version_is_that_of_the_distribution() -> None:
    assert wsgistatic.__version__ == distribution("wsgistatic").version
