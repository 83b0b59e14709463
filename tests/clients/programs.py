"""Run the program of a client, or skip the test if it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TIMEOUT = 60  # seconds; a client that hangs fails its test


def find_program(program: str) -> str:
    """Return the path of a program, or skip the test."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(program: str, *arguments: str | Path, **environment: str) -> str:
    """Run a program, which must succeed; return its standard output.

    The program gets a minimal environment, without proxies and without the user's settings.
    """
    done = subprocess.run(
        [find_program(program), *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"} | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
