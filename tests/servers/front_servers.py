"""Front servers that send a file when the app behind them names it in a header.

Strategy: a ``Front`` is what differs between them (configuration, header, how a file is named in
it). ``behind`` puts one before an app, which runs in this process on a server of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.servers.processes import free_port
from tests.servers.apache import apache_command, apache_lacks
from tests.servers.nginx import nginx_command
from tests.servers.readme import configuration
from tests.servers.starting import find_program, listening, running

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
class Front:
    """One kind of front server.

    Attributes:
        name: for the test's.
        header: the one that it takes over on.
        lacks: names what is not installed; "" where all is.
        command: from folder, directory, its port and the app's, with its configuration written.
        escapes: the header's value is a URL path; else the bytes of a file name.
        keeps_coding: passes on Content-Encoding; else what is coded must not be handed to it.
    """

    name: str
    header: str
    lacks: Callable[[], str]
    command: Callable[[Path, Path, int, int], list[str]]
    escapes: bool
    keeps_coding: bool

    def __str__(self) -> str:
        return self.name

    def value(self, directory: Path, name: str) -> str:
        """Give the header's value for a file of a directory, as a WSGI string."""
        path = (INTERNAL if self.header == "X-Accel-Redirect" else f"{directory}/") + name
        return quote(path) if self.escapes else os.fsencode(path).decode("latin-1")


def _nginx(folder: Path, directory: Path, port: int, app_port: int) -> list[str]:
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/srv/static": str(directory),
        "127.0.0.1:8000": f"127.0.0.1:{app_port}",
    }
    return nginx_command(folder, configuration("/etc/nginx/conf.d/offload.conf", replaced))


def _apache(folder: Path, directory: Path, port: int, app_port: int) -> list[str]:
    replaced = {"/srv/static": str(directory), "127.0.0.1:8000": f"127.0.0.1:{app_port}"}
    lines = configuration("/etc/apache2/sites-enabled/offload.conf", replaced)
    return apache_command(folder, port, ("proxy", "proxy_http", "xsendfile"), lines)


def _lighttpd(folder: Path, directory: Path, port: int, app_port: int) -> list[str]:
    replaced = {"/srv/static": str(directory), '"port" => 8000': f'"port" => {app_port}'}
    lines = configuration("/etc/lighttpd/conf-enabled/10-offload.conf", replaced)
    config = folder / "lighttpd.conf"
    config.write_text(_LIGHTTPD.format(folder=folder, port=port, lines=lines))
    return [find_program("lighttpd") or "lighttpd", "-D", "-f", str(config)]


def _lacks(program: str) -> Callable[[], str]:
    return lambda: "" if find_program(program) else program


NGINX = Front("nginx", "X-Accel-Redirect", _lacks("nginx"), _nginx, True, True)
APACHE = Front("Apache", "X-Sendfile", lambda: apache_lacks("xsendfile"), _apache, False, False)
LIGHTTPD = Front("lighttpd", "X-Sendfile", _lacks("lighttpd"), _lighttpd, True, True)
FRONTS = (NGINX, APACHE, LIGHTTPD)


@contextmanager
def behind(front: Front, app: WSGIApplication, directory: Path, folder: Path) -> Iterator[int]:
    """Serve an app behind a front server; give the front's port.

    Arguments:
        front: which one; skip the test first where ``front.lacks()`` something.
        app: may name the directory's files in ``front.header``.
        directory: absolute.
        folder: for the front's own files.
    """
    port = free_port(())
    with (
        running(app) as app_port,
        listening(front.command(folder, directory, port, app_port), folder, port),
    ):
        yield port
