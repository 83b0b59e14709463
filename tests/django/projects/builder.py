"""Create projects with Django's own commands, change them as the documentation says, run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.processes import free_port
from tests.servers.processes import run_command

REPOSITORY = Path(__file__).parents[3]
PYTHON = [sys.executable, "-W", "ignore"]


def run_python(directory: Path, *arguments: str, **variables: str) -> str:
    """Run Python with arguments in a directory; return its output.

    Args:
        directory: the current directory.
        arguments: the arguments of the interpreter.
        variables: additional environment variables.
    """
    done = subprocess.run(
        [*PYTHON, *arguments], cwd=directory, env={**environment(), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def run_server(directory: Path, *arguments: str, **variables: str) -> Iterator[int]:
    """Run a server with Python until the block ends; return its port.

    Args:
        directory: the current directory.
        arguments: the arguments of the interpreter, in which ``{port}`` is replaced.
        variables: additional environment variables.
    """
    port = free_port(())
    words = [argument.format(port=port) for argument in arguments]
    with run_command([*PYTHON, *words], directory, port, {**environment(), **variables}):
        yield port


def environment() -> dict[str, str]:
    """Return the environment for a project's processes, without this process's settings."""
    names = {"DJANGO_SETTINGS_MODULE", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONPATH": str(REPOSITORY)}


def write_files(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, given by their paths below a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def append(path: Path, text: str) -> None:
    """Append lines to a file."""
    path.write_text(f"{path.read_text()}\n{text}\n")
