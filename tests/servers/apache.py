"""Run Debian's Apache with a configuration in a directory of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.servers.processes import find_program

_MODULES = Path("/usr/lib/apache2/modules")

# A single process handles all requests, so that tests know which one to inspect.
_CONFIG = """\
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
KeepAliveTimeout 2
StartServers 1
ServerLimit 1
ThreadsPerChild 32
MaxRequestWorkers 32
MinSpareThreads 1
{modules}

{lines}
"""


def module_file(name: str) -> Path:
    """Return the path where Debian installs a module."""
    return _MODULES / f"mod_{name}.so"


def missing_for_apache(*modules: str) -> str:
    """Return the names of Apache or its modules that are not installed, or ""."""
    if find_program("apache2") is None:
        return "apache2"
    return " ".join(name for name in modules if not module_file(name).exists())


def apache_command(folder: Path, port: int, modules: Iterable[str], lines: str) -> list[str]:
    """Write ``httpd.conf`` into a folder; return the command that runs Apache with it.

    Args:
        folder: the directory for all files that Apache creates.
        port: the port to listen on, on the loopback interface.
        modules: the modules to load besides those that Apache cannot do without.
        lines: further lines of the configuration.
    """
    loaded = "\n".join(
        f"LoadModule {name}_module {module_file(name)}"
        for name in ("mpm_event", "authz_core", *modules)
    )
    config = folder / "httpd.conf"
    config.write_text(_CONFIG.format(port=port, folder=folder, modules=loaded, lines=lines))
    program = find_program("apache2") or "apache2"
    return [*as_nobody(), program, "-d", str(folder), "-f", str(config), "-DFOREGROUND"]


def as_nobody() -> list[str]:
    """Return words before Apache's command line that are needed if the tests run as root.

    Apache refuses to serve requests as root. Other users cannot enter root's home directory, where
    the interpreter may be, and pytest's directories. So Apache runs as nobody, with the capability
    to open all files.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return []
    return [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    ]
