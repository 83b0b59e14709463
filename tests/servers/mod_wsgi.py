"""Run Apache with mod_wsgi: the module of pip or Debian, in embedded or daemon mode.

The matrix runs ``python -m tests.servers.mod_wsgi BUILD MODE PORT [LINE ...]`` in a directory with
an ``app.wsgi``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from tests.servers.apache import apache_command, missing_for_apache, module_file

HOME = Path(__file__).parents[2]
BUILDS = ("pip", "debian")
MODES = ("embedded", "daemon")
SENDFILE = ("EnableSendfile On", "WSGIEnableSendfile On")


def missing_for_mod_wsgi(build: str) -> str:
    """Return the names of what is not installed, or ""."""
    if build == "debian":
        return missing_for_apache("wsgi")
    return missing_for_apache() or ("" if find_spec("mod_wsgi") else "mod_wsgi (pip)")


def express() -> str:
    """Return the path of mod_wsgi-express, which is part of pip's module."""
    return str(Path(sysconfig.get_path("scripts"), "mod_wsgi-express"))


def load_lines(build: str) -> str:
    """Return the configuration that loads a build of mod_wsgi."""
    if build == "debian":
        return f"LoadModule wsgi_module {module_file('wsgi')}"
    return subprocess.check_output([express(), "module-config"], text=True)


def search_path() -> str:
    """Return the Python path of the app: the checkout, and the packages for Debian's Python."""
    webob = find_spec("webob")
    assert webob is not None
    assert webob.origin is not None
    return f"{HOME}:{Path(webob.origin).parents[1]}"


def app_lines(folder: Path, script: Path, mode: str, mount: str = "/") -> str:
    """Return the configuration that serves the ``application`` of a script.

    Args:
        folder: the directory of the server's files.
        script: the Python file.
        mode: one of ``MODES``.
        mount: the URL path of the app.
    """
    path = search_path()
    lines = [f"WSGIScriptAlias {mount} {script}", f"WSGISocketPrefix {folder}/socket"]
    if mode == "embedded":
        lines.append(f"WSGIPythonPath {path}")
    else:
        lines.append(f"WSGIDaemonProcess app threads=16 home={folder} python-path={path}")
        lines.append("WSGIProcessGroup app")
    return "\n".join(lines)


def mod_wsgi_command(
    folder: Path,
    port: int,
    build: str,
    mode: str,
    lines: tuple[str, ...] = (),
    *,
    mount: str = "/",
    modules: tuple[str, ...] = (),
) -> list[str]:
    """Return the command that runs Apache with the folder's ``app.wsgi``."""
    script = folder / "app.wsgi"
    lines = (load_lines(build), app_lines(folder, script, mode, mount), *lines)
    return apache_command(folder, port, modules, "\n".join(lines))


if __name__ == "__main__":
    build, mode, port, *more = sys.argv[1:]
    command = mod_wsgi_command(Path.cwd(), int(port), build, mode, tuple(more))
    os.execvp(command[0], command)
