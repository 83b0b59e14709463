"""Front servers that send a file when the app behind them names it in a header.

Strategy: a ``Front`` is what differs between them (configuration, header, how a file is named in
it). ``behind`` puts one before an app, which runs in this process on a server of its own.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.servers.processes import free_port
from tests.servers.apache import apache_command, apache_lacks
from tests.servers.starting import find_program, listening, running

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

INTERNAL = "/internal/"

# nginx forgets the app's headers when it takes over, all but Content-Type, Cache-Control,
# Expires, Content-Disposition, Set-Cookie and Accept-Ranges, and has an ETag of its own. Taken
# from the app's answer, ours are there in time for its If-Range.
NGINX_INTERNAL = """\
location /internal/ {
    internal;
    alias DIRECTORY/;
    etag off;
    add_header ETag $upstream_http_etag;
    add_header Last-Modified $upstream_http_last_modified;
    add_header Content-Encoding $upstream_http_content_encoding;
    add_header Vary $upstream_http_vary;
    add_header X-Content-Type-Options $upstream_http_x_content_type_options;
    add_header Access-Control-Allow-Origin $upstream_http_access_control_allow_origin;
    add_header Access-Control-Expose-Headers $upstream_http_access_control_expose_headers;
}
"""

_NGINX = """
daemon off;
master_process off;
{user}
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{app_port};
            proxy_set_header Host $http_host;
        }}
        {internal}
    }}
}}
"""

_APACHE = """\
ProxyPass / http://127.0.0.1:{app_port}/ nocanon
XSendFile On
XSendFilePath {directory}
"""

_LIGHTTPD = """\
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "/dev/stderr"
server.modules = ("mod_proxy")
proxy.server = ("/" => ((
    "host" => "127.0.0.1", "port" => {app_port},
    "x-sendfile" => "enable", "x-sendfile-docroot" => ("{directory}"),
)))
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
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX.format(
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            folder=folder,
            temporary="\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
            port=port,
            app_port=app_port,
            internal=NGINX_INTERNAL.replace("DIRECTORY", str(directory)),
        )
    )
    return [_find("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def _apache(folder: Path, directory: Path, port: int, app_port: int) -> list[str]:
    lines = _APACHE.format(app_port=app_port, directory=directory)
    return apache_command(folder, port, ("proxy", "proxy_http", "xsendfile"), lines)


def _lighttpd(folder: Path, directory: Path, port: int, app_port: int) -> list[str]:
    config = folder / "lighttpd.conf"
    config.write_text(
        _LIGHTTPD.format(folder=folder, directory=directory, port=port, app_port=app_port)
    )
    return [_find("lighttpd"), "-D", "-f", str(config)]


def _find(program: str) -> str:
    return find_program(program) or program


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
