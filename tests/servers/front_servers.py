"""Front servers that send a file if the app behind them names it in a header field.

A ``FrontServer`` describes one of them. ``serve_behind`` runs one in front of an app, which cheroot
serves in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.harness.processes import free_port
from tests.servers.apache import apache_command, missing_for_apache
from tests.servers.documented import configuration
from tests.servers.nginx import nginx_command
from tests.servers.processes import find_program, run_command, serve_in_thread

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

INTERNAL = "/internal/"

_LIGHTTPD = """\
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "/dev/stderr"
{lines}
"""


@dataclass(frozen=True)
class FrontServer:
    """A front server.

    Attributes:
        name: the name in test IDs.
        header: the header field that names a file.
        missing: returns the names of programs and modules that are not installed, or "".
        command: writes the configuration and returns the command line, from the folder, the
            directory of the files, the port of the front server, the port of the app, and further
            lines of the configuration.
        escapes: whether the field value is percent-encoded; otherwise it is a file name.
        keeps_coding: whether Content-Encoding is passed on.
    """

    name: str
    header: str
    missing: Callable[[], str]
    command: Callable[[Path, Path, int, int, str], list[str]]
    escapes: bool
    keeps_coding: bool

    def __str__(self) -> str:
        return self.name

    def value(self, directory: Path, name: str) -> str:
        """Return the field value for a file in a directory, as a WSGI string."""
        path = (INTERNAL if self.header == "X-Accel-Redirect" else f"{directory}/") + name
        return quote(path) if self.escapes else os.fsencode(path).decode("latin-1")


def _nginx(folder: Path, directory: Path, port: int, app_port: int, lines: str) -> list[str]:
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/srv/static": str(directory),
        "127.0.0.1:8000": f"127.0.0.1:{app_port}",
    }
    lines += configuration("/etc/nginx/conf.d/offload.conf", replaced)
    return nginx_command(folder, lines)


def _apache(folder: Path, directory: Path, port: int, app_port: int, lines: str) -> list[str]:
    replaced = {"/srv/static": str(directory), "127.0.0.1:8000": f"127.0.0.1:{app_port}"}
    lines += configuration("/etc/apache2/sites-enabled/offload.conf", replaced)
    return apache_command(folder, port, ("proxy", "proxy_http", "xsendfile"), lines)


def _lighttpd(folder: Path, directory: Path, port: int, app_port: int, lines: str) -> list[str]:
    replaced = {"/srv/static": str(directory), '"port" => 8000': f'"port" => {app_port}'}
    lines += configuration("/etc/lighttpd/conf-enabled/10-offload.conf", replaced)
    config = folder / "lighttpd.conf"
    config.write_text(_LIGHTTPD.format(folder=folder, port=port, lines=lines))
    return [find_program("lighttpd") or "lighttpd", "-D", "-f", str(config)]


def _missing(program: str) -> Callable[[], str]:
    return lambda: "" if find_program(program) else program


NGINX = FrontServer("nginx", "X-Accel-Redirect", _missing("nginx"), _nginx, True, True)
APACHE = FrontServer(
    "Apache", "X-Sendfile", lambda: missing_for_apache("xsendfile"), _apache, False, False
)
LIGHTTPD = FrontServer("lighttpd", "X-Sendfile", _missing("lighttpd"), _lighttpd, True, True)
FRONT_SERVERS = (NGINX, APACHE, LIGHTTPD)


@contextmanager
def serve_behind(
    front: FrontServer, app: WSGIApplication, directory: Path, folder: Path, lines: str = ""
) -> Iterator[int]:
    """Serve an app behind a front server until the block ends; return the front server's port.

    Args:
        front: the front server, which must be installed.
        app: the app, which may name files of the directory in ``front.header``.
        directory: the absolute path of the files' directory.
        folder: the directory for the front server's own files.
        lines: further lines for the front server's configuration.
    """
    port = free_port(())
    with (
        serve_in_thread(app) as app_port,
        run_command(front.command(folder, directory, port, app_port, lines), folder, port),
    ):
        yield port
