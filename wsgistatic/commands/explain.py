"""``python -m wsgistatic explain DIR URL``: which file, which headers, and why not."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import setup_testing_defaults

from wsgistatic.commands.explanation import Explanation, explain
from wsgistatic.commands.options import add_serving_options
from wsgistatic.commands.streams import take_any_name

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SERVED, _NOT_SERVED = 0, 1
# RFC 9110 5.6.2: token; a URL's path and query (RFC 3986 appendix B), with or without its host.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.S)
_URL = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.S)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def main(arguments: Sequence[str]) -> int:
    """Explain a request; give the exit status."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    directory, prefix = options.pop("directory"), options.pop("prefix")
    is_json = options.pop("json")
    environ = _environ(options.pop("url"), options.pop("method"), options.pop("header"))
    logging.basicConfig(format="%(levelname)s: %(message)s")
    take_any_name()
    if not os.path.isdir(directory):
        print(f"wsgistatic: there is no folder {directory}", file=sys.stderr)
        return _NOT_SERVED
    try:
        explanation = explain(directory, prefix, options, environ)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if is_json:
        print(json.dumps(_plain(explanation), indent=2))
    else:
        print("\n".join(_lines(explanation)))
    return _SERVED if explanation.is_served else _NOT_SERVED


def _environ(
    target: tuple[str, str], method: str, fields: Sequence[tuple[str, str]]
) -> WSGIEnvironment:
    path, query = target
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("latin-1"),
        "QUERY_STRING": query,
    }
    setup_testing_defaults(environ)
    for name, value in fields:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


def _plain(explanation: Explanation) -> dict[str, Any]:
    event = explanation.event
    return {
        "served": explanation.is_served,
        "status": explanation.status,
        "headers": explanation.headers,
        "path": event and event.path,
        "coding": event and event.coding,
        "ranges": event and event.ranges,
        "bytes_planned": event and event.bytes_planned,
        "refused": event and event.refused,
        "steps": [{"step": step, "finding": finding} for step, finding in explanation.steps],
        "candidates": [candidate._asdict() for candidate in explanation.candidates],
    }


def _lines(explanation: Explanation) -> list[str]:
    lines = [f"{step + ':':11}{finding}" for step, finding in explanation.steps]
    for path, coding, size, finding in explanation.candidates:
        bytes_ = "" if size is None else f"{size:,} bytes, "
        lines.append(f"{coding + ':':11}{os.path.basename(path)}: {bytes_}{finding}")
    if explanation.status is not None:
        lines += ["", explanation.status]
        lines += [f"{name}: {value}" for name, value in explanation.headers]
    # A name may hold control characters; a line must stay one line.
    return [_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line) for line in lines]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wsgistatic explain",
        description="Tell what a request gets: which file, in which coding, with which headers; "
        "or why it is a miss. The status is 0 if it is served, else 1.",
        epilog="The other options, and their defaults, are those of python -m wsgistatic DIR.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("directory", metavar="DIR", help="the folder")
    add("url", type=_target, metavar="URL", help="/path?query, with or without http://host")
    add("--method", default="GET", help="of the request")
    add(
        "-H",
        "--header",
        type=_field,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header field of the request; may be repeated",
    )
    add("--json", action="store_true", help="print an object for programs")
    add_serving_options(parser)
    return parser


def _field(text: str) -> tuple[str, str]:
    field = _FIELD.fullmatch(text)
    if field is None:
        raise argparse.ArgumentTypeError(f"a header field is NAME: VALUE, not {text!r}")
    return field[1], field[2]


def _target(text: str) -> tuple[str, str]:
    url = _URL.fullmatch(text)
    if url is None:
        raise argparse.ArgumentTypeError(f"a URL begins with / or http://, not {text!r}")
    return url[1], url[2] or ""
