"""Apache as the tests start it: Debian's, with a configuration of their own below one folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tests.servers.starting import find_program

_MODULES = Path("/usr/lib/apache2/modules")

# One process for requests, so that a test knows which one to look at.
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
    """Give where Debian puts a module; it need not be there."""
    return _MODULES / f"mod_{name}.so"


def apache_lacks(*modules: str) -> str:
    """Name what is not installed; "" where all is."""
    if find_program("apache2") is None:
        return "apache2"
    return " ".join(name for name in modules if not module_file(name).exists())


def apache_command(folder: Path, port: int, modules: Iterable[str], lines: str) -> list[str]:
    """Write ``httpd.conf`` into a folder; give the command that runs Apache with it.

    Arguments:
        folder: for all files that Apache makes.
        port: on loopback.
        modules: of Debian's, beside those that nothing works without.
        lines: what the configuration is about.
    """
    loaded = "\n".join(
        f"LoadModule {name}_module {module_file(name)}"
        for name in ("mpm_event", "authz_core", *modules)
    )
    config = folder / "httpd.conf"
    config.write_text(_CONFIG.format(port=port, folder=folder, modules=loaded, lines=lines))
    program = find_program("apache2") or "apache2"
    return [*as_somebody(), program, "-d", str(folder), "-f", str(config), "-DFOREGROUND"]


def as_somebody() -> list[str]:
    """Give the words before a command that Apache needs where the tests run as root.

    It refuses to answer as root, and others may not enter root's home, where the interpreter
    may be, nor pytest's folders. So it runs as nobody, with one right of root's: to open files.
    """
    if os.geteuid() != 0:
        return []
    return [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    ]
