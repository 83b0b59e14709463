"""``wsgistatic [DIR]``: serve a directory."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import TextIO

from wsgistatic import servers
from wsgistatic.commands.hosts import HostCheck
from wsgistatic.commands.options import Parser, add_serving_options, help_text
from wsgistatic.commands.output import fail, printable
from wsgistatic.wsgi.middleware import StaticFiles

_line_lock = Lock()


def main(arguments: Sequence[str]) -> int:
    """Serve a directory until interrupted, and return the exit status."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    directory, prefix = options.pop("directory"), options.pop("prefix")
    host, port, name = options.pop("host"), options.pop("port"), options.pop("server")
    allow_host = options.pop("allow_host")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    if not os.path.isdir(directory):
        return fail(f"there is no directory {directory}")
    try:
        hosts = HostCheck(StaticFiles(None, directory, prefix, **options), host, allow_host)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    # The stream of now: a thread may log after the end, when sys.stdout is another stream again.
    log = partial(_print, sys.stdout)
    app = servers.AccessLog(hosts, log)
    path = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
    shown = printable(os.path.abspath(directory))

    def bind() -> servers.BoundServer:
        server = servers.SERVERS[name](app, host, port)
        log(servers.announcement(shown, server, host, path))
        if server.name == "wsgiref":
            hint = "For a better server: pip install cheroot"
            log(f"wsgiref closes the connection after each request. {hint}")
        return server

    try:
        servers.run(bind, log)
    except ImportError:
        return fail(f"{name} is not installed: pip install {name}")
    except (OSError, ValueError) as error:
        return fail(servers.describe_bind_error(error, host, port))
    return 0


def _print(stream: TextIO, line: str) -> None:
    with _line_lock:  # Python's text streams are not thread-safe
        stream.write(line + "\n")


_DESCRIPTION = """\
Serve a directory over HTTP, with byte ranges, conditional requests and
compressed copies of files.

Commands:
  compress DIR              Write compressed copies of files beside them.
  explain DIR URL           Show which response a request gets, and why.

'wsgistatic COMMAND --help' shows the options of a command. To serve a directory
whose name is that of a command, write ./compress or ./explain.
'python -m wsgistatic' is the same as 'wsgistatic'.\
"""


def _parser() -> Parser:
    usage = "[options] [DIR]\n       wsgistatic COMMAND [options] ..."
    parser = Parser("wsgistatic", usage, _DESCRIPTION)
    add = parser.add_argument_group("Arguments").add_argument
    help = help_text("Directory to serve.", "the current directory")
    add("directory", nargs="?", default=".", metavar="DIR", help=help)
    add = parser.add_argument_group("Server").add_argument
    help = help_text("Address to listen on, or 0.0.0.0 for all addresses.", servers.DEFAULT_HOST)
    add("--host", default=servers.DEFAULT_HOST, metavar="ADDRESS", help=help)
    help = help_text("Port to listen on, or 0 for any free port.", str(servers.DEFAULT_PORT))
    add("--port", type=servers.port_number, default=servers.DEFAULT_PORT, metavar="N", help=help)
    help = "Host name under which browsers may reach the server, besides IP addresses, localhost, "
    help += "--host and this machine's name. A name with a leading dot includes its subdomains; "
    help += "* allows every name, and so DNS rebinding. Can be repeated."
    add("--allow-host", action="append", default=[], metavar="NAME", help=help)
    choices, default = sorted(servers.SERVERS), servers.default_server()
    help = help_text("Server to use.", "cheroot if it is installed, otherwise wsgiref")
    add("--server", choices=choices, default=default, help=help)
    add_serving_options(parser)
    parser.add_general_options()
    return parser
