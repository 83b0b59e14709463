"""Run a client's program; skip the test where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PATIENCE = 60  # seconds; a client that hangs is a failure


def find(program: str) -> str:
    """Find a program, or skip the test."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(program: str, *arguments: str | Path, **environment: str) -> str:
    """Run a program to its good end; give its standard output.

    It knows neither proxies nor settings of the user, only the environment that is given.
    """
    done = subprocess.run(
        [find(program), *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"} | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
