"""mod_wsgi as the tests start it: pip's or Debian's module, embedded or in a process of its own.

``python -m tests.servers.mod_wsgi BUILD MODE PORT [LINE ...]`` runs Apache with ``app.wsgi`` of
the current directory, for the matrix.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from tests.servers.apache import apache_command, apache_lacks, module_file

HOME = Path(__file__).parents[2]
BUILDS = ("pip", "debian")
MODES = ("embedded", "daemon")
SENDFILE = ("EnableSendfile On", "WSGIEnableSendfile On")


def mod_wsgi_lacks(build: str) -> str:
    """Name what is not installed; "" where all is."""
    if build == "debian":
        return apache_lacks("wsgi")
    return apache_lacks() or ("" if find_spec("mod_wsgi") else "mod_wsgi (pip)")


def express() -> str:
    """Give the path of the program that comes with pip's module."""
    return str(Path(sysconfig.get_path("scripts"), "mod_wsgi-express"))


def load_lines(build: str) -> str:
    """Give the configuration that loads a module."""
    if build == "debian":
        return f"LoadModule wsgi_module {module_file('wsgi')}"
    return subprocess.check_output([express(), "module-config"], text=True)


def search_path() -> str:
    """Give where the checkout is and, as Debian's module has Debian's Python, its packages."""
    webob = find_spec("webob")
    assert webob is not None
    assert webob.origin is not None
    return f"{HOME}:{Path(webob.origin).parents[1]}"


def app_lines(folder: Path, script: Path, mode: str, mount: str = "/") -> str:
    """Give the configuration that serves the ``application`` of a script.

    Arguments:
        folder: of the server's files.
        script: a Python file.
        mode: one of ``MODES``.
        mount: where the app is.
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
    """Give the command that runs Apache with the folder's ``app.wsgi``."""
    script = folder / "app.wsgi"
    lines = (load_lines(build), app_lines(folder, script, mode, mount), *lines)
    return apache_command(folder, port, modules, "\n".join(lines))


if __name__ == "__main__":
    build, mode, port, *more = sys.argv[1:]
    command = mod_wsgi_command(Path.cwd(), int(port), build, mode, tuple(more))
    os.execvp(command[0], command)
