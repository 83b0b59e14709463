"""``wsgistatic [DIR]``: serve a directory."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from threading import Lock

from wsgistatic.commands.options import Parser, add_serving_options, help_text
from wsgistatic.commands.output import CLEAN, fail
from wsgistatic.servers import (
    SERVERS,
    AccessLog,
    BoundServer,
    default_server,
    describe_bind_error,
    port_number,
    run,
    url_host,
)
from wsgistatic.wsgi.middleware import StaticFiles

_DEFAULT_HOST, _DEFAULT_PORT = "127.0.0.1", 8000

_line_lock = Lock()


def main(arguments: Sequence[str]) -> int:
    """Serve a directory until interrupted, and return the exit status."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    directory, prefix = options.pop("directory"), options.pop("prefix")
    host, port, name = options.pop("host"), options.pop("port"), options.pop("server")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    if not os.path.isdir(directory):
        return fail(f"there is no directory {directory}")
    try:
        app = StaticFiles(None, directory, prefix, **options)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    try:
        server = SERVERS[name](AccessLog(app, _print), host, port)
    except ImportError:
        return fail(f"{name} is not installed: pip install {name}")
    except (OSError, ValueError) as error:
        return fail(describe_bind_error(error, host, port))
    _announce(server, host, directory, prefix)
    run(server, _print)
    return CLEAN


def _print(line: str) -> None:
    with _line_lock:  # Python's text streams are not thread-safe
        sys.stdout.write(line + "\n")


def _announce(server: BoundServer, host: str, directory: str, prefix: str) -> None:
    path = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
    url = f"http://{url_host(host)}:{server.port}{path}"
    folder = os.path.abspath(directory)
    print(f"Serving {folder} at {url} with {server.name}. Press Ctrl-C to stop.")
    if server.name == "wsgiref":
        print(
            "wsgiref closes the connection after each request. For a better server: "
            "pip install cheroot"
        )


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
    parser = Parser(
        "wsgistatic",
        "[options] [DIR]\n       wsgistatic COMMAND [options] ...",
        _DESCRIPTION,
    )
    add = parser.add_argument_group("Arguments").add_argument
    add(
        "directory",
        nargs="?",
        default=".",
        metavar="DIR",
        help=help_text("Directory to serve.", "the current directory"),
    )
    add = parser.add_argument_group("Server").add_argument
    add(
        "--host",
        default=_DEFAULT_HOST,
        metavar="ADDRESS",
        help=help_text("Address to listen on, or 0.0.0.0 for all addresses.", _DEFAULT_HOST),
    )
    add(
        "--port",
        type=port_number,
        default=_DEFAULT_PORT,
        metavar="N",
        help=help_text("Port to listen on, or 0 for any free port.", str(_DEFAULT_PORT)),
    )
    add(
        "--server",
        choices=sorted(SERVERS),
        default=default_server(),
        help=help_text("Server to use.", "cheroot if it is installed, otherwise wsgiref"),
    )
    add_serving_options(parser)
    parser.add_general_options()
    return parser
