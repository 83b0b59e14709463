"""``wsgistatic explain DIR URL``: which file, which headers, and why not."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes
from wsgiref.util import setup_testing_defaults

from wsgistatic.commands.options import Parser, add_serving_options, help_text
from wsgistatic.commands.output import escape_undecodable_names, fail
from wsgistatic.files.directory import Directory
from wsgistatic.http.codings import CODINGS, PREFERENCE
from wsgistatic.http.dates import format_http_date
from wsgistatic.http.fields import TOKEN
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings
from wsgistatic.http.paths import SplitPath, parse_prefix, path_name, split_path
from wsgistatic.http.ranges import get_ranges
from wsgistatic.representations.sidecars import is_fresh
from wsgistatic.wsgi.events import AnswerEvent, Reason, why_missed, why_no_file, why_no_path
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.responses import header

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SERVED, _NOT_SERVED = 0, 1
# RFC 9110 5.6.2: token; a URL's path and query (RFC 3986 appendix B), with or without its host.
_FIELD = re.compile(rf"({TOKEN}):[ \t]*(.*?)[ \t]*", re.S)
_URL = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.S)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def main(arguments: Sequence[str]) -> int:
    """Explain a request; give the exit status."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    directory, prefix = options.pop("directory"), options.pop("prefix")
    is_json = options.pop("json")
    environ = _environ(options.pop("url"), options.pop("method"), options.pop("header"))
    logging.basicConfig(format="%(levelname)s: %(message)s")
    escape_undecodable_names()
    if not os.path.isdir(directory):
        return fail(f"there is no directory {directory}")
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


def _parser() -> Parser:
    parser = Parser(
        "wsgistatic explain",
        "[options] DIR URL",
        "Show which response a request gets: which file, in which coding and with which\n"
        "header fields, or why no file is served.",
        "The exit status is 0 if the request is served, and 1 if it is not.",
    )
    add = parser.add_argument_group("Arguments").add_argument
    add("directory", metavar="DIR", help="Directory that is served.")
    add("url", type=_target, metavar="URL", help="URL, or only its path and query.")
    add = parser.add_argument_group("Request").add_argument
    add("--method", default="GET", help=help_text("Method of the request.", "GET"))
    add(
        "-H",
        "--header",
        type=_field,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="Header field of the request. Can be repeated.",
    )
    add = parser.add_argument_group("Output").add_argument
    add("--json", action="store_true", help="Print a JSON object for programs.")
    add_serving_options(parser)
    parser.add_general_options()
    return parser


def _field(text: str) -> tuple[str, str]:
    field = _FIELD.fullmatch(text)
    if field is None:
        raise argparse.ArgumentTypeError(f"a header field must be NAME: VALUE, not {text!r}")
    return field[1], field[2]


def _target(text: str) -> tuple[str, str]:
    url = _URL.fullmatch(text)
    if url is None:
        raise argparse.ArgumentTypeError(f"a URL must begin with / or http://, not {text!r}")
    return url[1], url[2] or ""


class Candidate(NamedTuple):
    """A file that could be sent: its coding, size in bytes, and what became of it."""

    path: str
    coding: str
    size: int | None
    finding: str


class Explanation(NamedTuple):
    """What a request gets, and why.

    Attributes:
        steps: pairs of what was looked at and what was found.
        candidates: the codings of the file, if one was found.
        status, headers: of the answer of an app that is alone; None where it would not be ours.
        event: what ``on_answer`` is told of it.
    """

    steps: list[tuple[str, str]]
    candidates: list[Candidate]
    status: str | None
    headers: list[tuple[str, str]]
    event: AnswerEvent | None

    @property
    def is_served(self) -> bool:
        """Tell whether the client gets what it asked for, or is told where that is."""
        return self.status is not None and self.status < "4"


def explain(
    directory: str, prefix: str, options: dict[str, Any], environ: WSGIEnvironment
) -> Explanation:
    """Explain what a request gets.

    Arguments:
        directory, prefix, options: those of ``StaticFiles``; none is left out.
        environ: of the request.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    events: list[AnswerEvent] = []
    app = StaticFiles(None, directory, prefix, **options, on_answer=events.append)
    status, headers = _ask(app, environ)
    parsed = parse_prefix(prefix)
    if not events:
        steps = [("prefix", f"not below {path_name(parsed)}/: the wrapped app gets the request")]
        return Explanation(steps, [], None, [], None)
    steps = [("prefix", f"below {path_name(parsed)}/")]
    search = _Search(Directory(os.path.abspath(directory), options["symlinks"]), options)
    found = search.find(environ["PATH_INFO"][len(parsed) :], events[0])
    candidates = [] if found is None else search.candidates(found, environ, events[0])
    steps += search.steps
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        steps.append(("method", f"{environ['REQUEST_METHOD']}: a wrapped app gets the request"))
    elif "HTTP_RANGE" in environ:
        steps.append(("range", _range_finding(environ, headers, events[0], options["max_ranges"])))
    if events[0].status == 404:
        steps.append(("miss", "a wrapped app gets the request"))
    return Explanation(steps, candidates, status, headers, events[0])


class _Search:
    def __init__(self, directory: Directory, options: dict[str, Any]) -> None:
        self._directory = directory
        self._options = options
        self.steps: list[tuple[str, str]] = []

    def find(self, rest: str, event: AnswerEvent) -> tuple[str, ...] | None:
        """Go through the files that could answer; give the names of the one that does."""
        dotfiles = self._options["dotfiles"]
        path = split_path(rest, dotfiles=dotfiles, windows=os.name == "nt")
        if path is None:
            why = why_no_path(rest, dotfiles=dotfiles)
            self.steps.append(("path", f"{path_name(rest)}: {why.value}"))
            return None
        for what, tried in self._tried(path):
            reason = why_missed(self._directory, tried, self._options["index"])
            if reason is None and what == "fallback" and event.status == 404:
                self.steps.append((what, "for navigations that do not name an asset"))
                return None
            found = self._file(tried)
            self.steps.append((what, self._finding(tried, found, reason)))
            if reason is None:
                return found if event.path is not None else None
            if reason is Reason.NO_INDEX and self._options["listing"]:
                self.steps.append(("listing", "a page of what is in it"))
                return None
        return None

    def candidates(
        self, segments: tuple[str, ...], environ: WSGIEnvironment, event: AnswerEvent
    ) -> list[Candidate]:
        """Tell what became of each coding of a file."""
        original = self._directory.resource(segments)
        status = original.stat()
        preferences = acceptable_codings(header(environ, "HTTP_ACCEPT_ENCODING"))
        selected = preferences.quality(event.coding or IDENTITY)
        found = []
        for coding in PREFERENCE:
            suffix = CODINGS[coding].suffix
            path = original.path + suffix
            reason = why_no_file(self._directory, (*segments[:-1], segments[-1] + suffix))
            if reason is not None:
                found.append(Candidate(path, coding, None, reason.value))
                continue
            sidecar = original.sidecar(suffix).stat()
            if coding not in self._codings():
                finding = "left out by the options"
            elif not is_fresh(sidecar, status):
                finding = "older than its file"
            elif event.path == path:
                finding = "selected"
            else:
                finding = _why_not_selected(preferences.quality(coding), selected)
            found.append(Candidate(path, coding, sidecar.st_size, finding))
        if event.path == original.path:
            finding = f"compressed to {event.coding} in memory" if event.coding else "selected"
        else:
            finding = _why_not_selected(preferences.quality(IDENTITY), selected)
        return [*found, Candidate(original.path, IDENTITY, status.st_size, finding)]

    def _codings(self) -> Iterable[str]:
        offload = self._options["offload"]
        if offload is not None and not Offload(offload, self._directory.path).keeps_codings:
            return ()
        encodings: Iterable[str] = self._options["encodings"]
        return encodings

    def _tried(self, path: SplitPath) -> Iterable[tuple[str, SplitPath]]:
        yield "file", path
        if self._options["clean_urls"] and path.segments and not path.is_directory:
            *above, name = path.segments
            yield "clean URL", SplitPath((*above, name + ".html"), False)
        if self._options["fallback"] is not None:
            yield "fallback", SplitPath(tuple(self._options["fallback"].split("/")), False)

    def _file(self, path: SplitPath) -> tuple[str, ...]:
        """Give the names of the file that answers for a path."""
        where = os.path.join(self._directory.path, *path.segments)
        if self._options["index"] is not None and os.path.isdir(where):
            return (*path.segments, self._options["index"])
        return path.segments

    def _finding(self, path: SplitPath, names: tuple[str, ...], reason: Reason | None) -> str:
        if reason is not None:
            return f"{os.path.join(self._directory.path, *path.segments)}: {reason.value}"
        resource = self._directory.resource(names)
        status = resource.stat()
        modified = format_http_date(int(status.st_mtime))
        return f"{resource.path}: {status.st_size:,} bytes, modified {modified}"


def _ask(app: StaticFiles, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]]]:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        started.extend((status, headers))

    body = app(environ, start_response)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    return started[0], started[1]


def _range_finding(
    environ: WSGIEnvironment,
    headers: list[tuple[str, str]],
    event: AnswerEvent,
    max_ranges: int,
) -> str:
    if event.ranges:
        shown = ", ".join(f"{start:,} to {stop - 1:,}" for start, stop in event.ranges)
        return f"sent are the bytes from {shown}"
    if event.status != 200:
        return "none sent: see the status"
    if environ["REQUEST_METHOD"] == "HEAD":
        return "ignored: HEAD has none"
    size = int(dict(headers)["Content-Length"])
    if get_ranges(environ["HTTP_RANGE"], size, max_ranges) is None:
        return "ignored: not of the form bytes=FIRST-LAST, or too many"
    if "HTTP_IF_RANGE" in environ:
        return "ignored: If-Range names another version, or not by a strong validator"
    return "ignored: the parts would be larger than the whole"


def _why_not_selected(quality: float, selected: float) -> str:
    if not quality:
        return "not accepted"
    return "wanted less" if quality < selected else "not smaller than the selected"
