"""``wsgistatic [DIR]``: serve a folder."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from threading import Lock

from wsgistatic.commands.options import add_serving_options
from wsgistatic.commands.output import _CLEAN, _fail
from wsgistatic.servers import (
    SERVERS,
    AccessLog,
    BoundServer,
    default_server,
    run,
    shown_host,
    why_not_bound,
)
from wsgistatic.wsgi.middleware import StaticFiles

_line_lock = Lock()


def _serve_folder(arguments: Sequence[str]) -> int:
    """Serve a folder until interrupted; give the exit status."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    directory, prefix = options.pop("directory"), options.pop("prefix")
    host, port, name = options.pop("host"), options.pop("port"), options.pop("server")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    if not os.path.isdir(directory):
        return _fail(f"there is no folder {directory}")
    try:
        app = StaticFiles(None, directory, prefix, **options)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    try:
        server = SERVERS[name](AccessLog(app, _write_line), host, port)
    except ImportError:
        return _fail(f"{name} is not installed: pip install {name}")
    except (OSError, ValueError) as error:  # UnicodeError: a host that no name can be
        return _fail(why_not_bound(error, host, port))
    _announce(server, host, directory, prefix)
    run(server, _write_line)
    return _CLEAN


def _write_line(line: str) -> None:
    with _line_lock:  # text files of Python's are not safe for threads
        sys.stdout.write(line + "\n")


def _announce(server: BoundServer, host: str, directory: str, prefix: str) -> None:
    path = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
    url = f"http://{shown_host(host)}:{server.port}{path}"
    print(f"Serving {os.path.abspath(directory)} at {url} with {server.name}. Ctrl-C stops.")
    if server.name == "wsgiref":
        print(
            "wsgiref closes the connection after each request; for a better server: "
            "pip install cheroot"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wsgistatic",
        description="Serve a folder over HTTP, with ranges, validators and preconditions.",
        epilog="Other commands: 'python -m wsgistatic compress DIR' writes compressed copies of "
        "files beside them, 'python -m wsgistatic explain DIR URL' tells what a request gets, and "
        "why (--help has their options). A folder called compress or explain is ./compress.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("directory", nargs="?", default=".", metavar="DIR", help="the folder")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for every one")
    add("--port", type=_port, default=8000, help="port to listen on; 0 for any free one")
    add("--server", choices=sorted(SERVERS), default=default_server(), help="who serves")
    add_serving_options(parser)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is 0 to 65535, not {text!r}")
    return int(text)
