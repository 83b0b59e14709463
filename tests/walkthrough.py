"""Follow a page of the documentation as a reader does: write its files, and run its commands."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.documents import ROOT, code_blocks
from tests.servers.processes import run_command

# Commands that run until they are interrupted.
SERVER = re.compile(r"(waitress-serve|flask|pserve|uvicorn|python manage\.py run|wsgistatic [^ce])")
INSTALL = "python -m pip install"
DEFAULT_SERVER = "waitress-serve --listen=127.0.0.1:8000 wsgi:application"


class Walkthrough:
    """Follow the code blocks of a page in their order.

    - A block with a caption is a file of that name. Blocks for settings.py are appended to it.
    - A block in the language ``console`` has commands, which begin with ``$``. The output must be
      as shown; ``...`` stands for any text. Without output, the command must succeed.
    - A server runs until the next one starts. If wsgi.py is new, a server starts for it.
    - The programs are those of the packages in the interpreter of the tests.
    - Nothing is installed. The test is skipped if a package is missing, and an installation of the
      project with ``-e`` makes its folder importable.
    - Blocks in other languages, such as ``shell-session``, are skipped.

    Args:
        page: the page, relative to ``docs``.
        folder: the folder of the reader.
    """

    def __init__(self, page: str, folder: Path) -> None:
        if shutil.which("curl") is None:
            pytest.skip("not installed: curl")
        self._folder = folder
        self._servers = ExitStack()
        self._needs_server = False
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = str(listener.getsockname()[1])
        self._text = (ROOT / "docs" / page).read_text()
        programs = folder.parent / f"{folder.name}-programs"
        self._write_programs(programs)
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        self._environment = os.environ | {"PATH": path}

    def follow(self) -> int:
        """Follow the page; return the number of commands that ran."""
        count = 0
        with self._servers:
            for block in code_blocks(self._text):
                if "caption" in block.options:
                    self._write(block.options["caption"], block.text)
                elif block.language == "console":
                    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
                        command, _, output = part.partition("\n")
                        if command.startswith(INSTALL):
                            self._require(command.removeprefix(INSTALL).split())
                        else:
                            self._run(command, output)
                            count += 1
        return count

    def _write_programs(self, folder: Path) -> None:
        # A virtual environment may see packages whose scripts are elsewhere.
        programs = {"python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'}
        for script in entry_points(group="console_scripts"):
            load = f"from {script.module} import {script.attr} as main"
            programs[script.name] = f"#!{sys.executable}\nimport sys\n{load}\nsys.exit(main())\n"
        folder.mkdir(exist_ok=True)
        for name, text in programs.items():
            if name in self._text + DEFAULT_SERVER:
                (folder / name).write_text(text)
                (folder / name).chmod(0o755)

    def _require(self, words: list[str]) -> None:
        if words[0] == "-e":
            self._environment["PYTHONPATH"] = str(self._folder)
        for word in words:
            if word.isalnum():  # not "." or ".[serve]", which is wsgistatic
                pytest.importorskip(word.lower())

    def _write(self, name: str, text: str) -> None:
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.name == "settings.py" and file.exists():
            text = f"{file.read_text()}\n{text}"
        file.write_text(self._with_port(text))
        self._needs_server = file.name == "wsgi.py"

    def _run(self, command: str, output: str) -> None:
        if SERVER.match(command):
            self._serve(command)
            return
        if self._needs_server and command.startswith("curl"):
            self._serve(DEFAULT_SERVER)
        done = subprocess.run(
            self._with_port(command), shell=True, cwd=self._folder, env=self._environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 or output, f"{command}\n{done.stdout}{done.stderr}"
        if output:
            shown = re.sub(r"\r\n?", "\n", done.stdout).replace(self._port, "8000")
            same = OutputChecker().check_output(output, shown, ELLIPSIS | NORMALIZE_WHITESPACE)
            assert same, f"{command}\nprinted:\n{shown}{done.stderr}\ninstead of:\n{output}"

    def _serve(self, command: str) -> None:
        self._servers.close()
        if command.startswith("wsgistatic"):
            command += " --port 8000"  # the default
        changed = dict(self._environment.items() - os.environ.items())
        words = ["env", *(f"{name}={value}" for name, value in changed.items())]
        words += ["sh", "-c", f"exec {self._with_port(command)}"]
        self._servers.enter_context(run_command(words, self._folder, int(self._port)))
        self._needs_server = False

    def _with_port(self, text: str) -> str:
        return text.replace("8000", self._port)
