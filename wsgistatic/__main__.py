"""``python -m wsgistatic [DIR]``: serve a folder; ``python -m wsgistatic COMMAND``: see there."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from threading import Lock
from typing import Any, cast

from wsgistatic.access import AccessLog
from wsgistatic.body import DEFAULT_BLOCK_SIZE
from wsgistatic.commands.compress import main as compress
from wsgistatic.middleware import DEFAULT_CACHE_FILE_SIZE, DEFAULT_CACHE_SIZE, StaticFiles
from wsgistatic.ranges import DEFAULT_MAX_RANGES
from wsgistatic.servers import SERVERS, BoundServer, default_server, run, shown_host, why_not_bound
from wsgistatic.sidecars import SUFFIXES

_CLEAN, _FAILED = 0, 1
_line_lock = Lock()


# By their first argument; a folder of such a name is served as ./NAME.
_COMMANDS = {"compress": compress}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, or serve a folder; give the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in _COMMANDS:
        return _COMMANDS[given[0]](given[1:])
    return _serve_folder(given)


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
    for stream in (sys.stdout, sys.stderr):  # a folder may have a name that no text has
        cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")
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
    with _line_lock:  # print writes a text and its end separately
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _announce(server: BoundServer, host: str, directory: str, prefix: str) -> None:
    path = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
    url = f"http://{shown_host(host)}:{server.port}{path}"
    print(f"Serving {os.path.abspath(directory)} at {url} with {server.name}. Ctrl-C stops.")
    if server.name == "wsgiref":
        print(
            "wsgiref closes the connection after each request; for a better server: "
            "pip install cheroot"
        )
    sys.stdout.flush()


def _fail(message: str) -> int:
    print(f"wsgistatic: {message}", file=sys.stderr)
    return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wsgistatic",
        description="Serve a folder over HTTP, with ranges, validators and preconditions.",
        epilog="Another command: 'python -m wsgistatic compress DIR' writes compressed copies of "
        "files beside them (--help has its options). A folder called compress is ./compress.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("directory", nargs="?", default=".", metavar="DIR", help="the folder")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for every one")
    add("--port", type=_port, default=8000, help="port to listen on; 0 for any free one")
    add("--server", choices=sorted(SERVERS), default=default_server(), help="who serves")
    add("--prefix", default="/", help="URL path of the folder")
    add("--index", type=_text_or_none, default="index.html", help="file for a directory, or none")
    add("--cache-control", type=_text_or_none, default="no-cache", help="its value, or none")
    add(
        "--immutable",
        type=_text_or_none,
        default=None,
        metavar="RULE",
        help="what never changes: hashed, or a regular expression on URL paths",
    )
    add("--allow-origin", default=None, metavar="ORIGIN", help="Access-Control-Allow-Origin")
    add("--nosniff", action=argparse.BooleanOptionalAction, default=True, help="nosniff header")
    add(
        "--media-types",
        action=_Pairs,
        default={},
        metavar="NAME=TYPE",
        help="media type of an extension or a file name; may be repeated",
    )
    add("--charset", type=_text_or_none, default="utf-8", help="charset of text types, or none")
    add("--etag", type=_text_or_none, default="stat", help="stat, content or none")
    add("--symlinks", choices=("inside", "follow", "deny"), default="inside", help="policy")
    add("--dotfiles", action=argparse.BooleanOptionalAction, default=False, help="serve dotfiles")
    add(
        "--listing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show what is in a folder without an index",
    )
    add("--fallback", type=_text_or_none, metavar="FILE", help="sent to navigations that miss")
    add("--not-found", type=_text_or_none, metavar="FILE", help="sent with status 404")
    add(
        "--clean-urls",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="/page is page.html",
    )
    add("--stat-ttl", type=float, default=0.0, help="seconds for which a stat is trusted")
    add("--cache-size", type=int, default=DEFAULT_CACHE_SIZE, help="bytes of memory; 0 for none")
    add(
        "--cache-file-size",
        type=int,
        default=DEFAULT_CACHE_FILE_SIZE,
        help="bytes of the largest file kept in memory",
    )
    add("--block-size", type=int, default=DEFAULT_BLOCK_SIZE, help="bytes read at a time")
    add("--max-ranges", type=int, default=DEFAULT_MAX_RANGES, help="more ranges are ignored")
    add(
        "--file-wrapper",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the server's wsgi.file_wrapper",
    )
    add(
        "--compress",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="compress text in memory",
    )
    add(
        "--offload",
        type=lambda text: tuple(text.split(":", 1)),
        default=None,
        metavar="HEADER:PATH",
        help="let the front server send the files",
    )
    add(
        "--headers",
        action=_Pairs,
        default={},
        metavar="NAME=VALUE",
        help="a header field for all answers; may be repeated",
    )
    add(
        "--encodings",
        type=_names,
        default=tuple(SUFFIXES),
        metavar="CODING,...",
        help="content codings whose sidecars are looked for, or none",
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else tuple(text.split(","))


class _Pairs(argparse.Action):
    """Collects NAME=VALUE pairs in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name, equals, value = values.partition("=")
        if not equals:
            parser.error(f"{option_string} takes {self.metavar}, not {values!r}")
        known = getattr(namespace, self.dest)
        setattr(namespace, self.dest, {**known, name: value})


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is 0 to 65535, not {text!r}")
    return int(text)


def _text_or_none(text: str) -> str | None:
    return None if text.lower() == "none" else text


if __name__ == "__main__":
    sys.exit(main())
