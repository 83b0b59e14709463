"""Run a script in a fresh process, which does not import the preloaded modules again."""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

# The server forks once per script. It imports these once, which takes half a second.
_PRELOADED = [
    "webob",
    "wsgistatic",
    "tests.fresh_process",
    "tests.source_kinds",
    "django.core.management",
    "django.core.checks",
]
_TIMEOUT = 60.0  # seconds


@dataclass
class Done:
    returncode: int | None
    stdout: str
    stderr: str


@cache
def _server() -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(_PRELOADED)
    return server


def run_script(
    code: str,
    *arguments: str,
    cwd: Path,
    variables: dict[str, str] | None = None,
    module_path: list[str] | None = None,
) -> Done:
    """Run code as ``python -c`` does.

    Args:
        code: the script.
        arguments: the command-line arguments, without the name of the script.
        cwd: the working directory.
        variables: additional environment variables.
        module_path: folders that are searched for modules before all others; the working directory
            always is.
    """
    with TemporaryDirectory() as folder:
        outputs = Path(folder, "stdout"), Path(folder, "stderr")
        process = _server().Process(
            target=_run,
            args=(code, arguments, str(cwd), variables or {}, module_path or [], outputs),
        )
        process.start()
        process.join(_TIMEOUT)
        if process.is_alive():
            process.kill()
            process.join()
        return Done(process.exitcode, *(output.read_text() for output in outputs))


def _run(
    code: str,
    arguments: tuple[str, ...],
    cwd: str,
    variables: dict[str, str],
    module_path: list[str],
    outputs: tuple[Path, Path],
) -> None:
    for descriptor, output in enumerate(outputs, start=1):
        opened = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(cwd)
    os.environ.update(variables)
    sys.argv = ["-c", *arguments]
    sys.path[:0] = [*module_path, cwd]
    exec(compile(code, "<string>", "exec"), sys.modules["__main__"].__dict__)
