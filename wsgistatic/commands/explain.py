"""``wsgistatic explain DIR URL``: which file, which headers, and why not."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes
from wsgiref.util import setup_testing_defaults

from wsgistatic.commands.options import Parser, add_serving_options, help_text
from wsgistatic.commands.output import escape_undecodable_names, fail, printable
from wsgistatic.files.directory import File
from wsgistatic.http.codings import CODINGS, PREFERENCE
from wsgistatic.http.dates import format_http_date
from wsgistatic.http.dictionaries import DCZ, delta_suffix, is_eligible, offered_dictionary
from wsgistatic.http.fields import TOKEN
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings
from wsgistatic.http.paths import parse_prefix, path_name
from wsgistatic.http.ranges import get_ranges
from wsgistatic.representations.deltas import why_not_sent
from wsgistatic.representations.sidecars import is_fresh, sidecar_fault
from wsgistatic.wsgi.events import AnswerEvent, answer_event
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response
from wsgistatic.wsgi.trace import Step, Trace, why_no_file

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# RFC 9110 5.6.2: token; a URL's path and query (RFC 3986 appendix B), with or without its host.
_FIELD = re.compile(rf"({TOKEN}):[ \t]*(.*?)[ \t]*", re.S)
_URL = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.S)


def main(arguments: Sequence[str]) -> int:
    """Explain a request and return the exit status."""
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
    print(_json(explanation) if is_json else "\n".join(_lines(explanation)))
    return 0 if explanation.is_served else 1


def _environ(url: tuple[str, str], method: str, fields: list[tuple[str, str]]) -> WSGIEnvironment:
    path, query = url
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("latin-1"),
        "QUERY_STRING": query,
    }
    setup_testing_defaults(environ)
    for name, value in fields:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


def _json(explanation: Explanation) -> str:
    values: dict[str, Any] = {"served": explanation.is_served}
    values |= {"status": explanation.status, "headers": explanation.headers}
    for name in ("path", "coding", "ranges", "bytes_planned", "refused"):
        values[name] = getattr(explanation.event, name, None)
    values["steps"] = [{"step": step, "finding": finding} for step, finding in explanation.steps]
    values["candidates"] = [candidate._asdict() for candidate in explanation.candidates]
    return json.dumps(values, indent=2)


def _lines(explanation: Explanation) -> list[str]:
    lines = [f"{step + ':':11}{finding}" for step, finding in explanation.steps]
    for path, coding, size, finding in explanation.candidates:
        bytes_ = "" if size is None else f"{size:,} bytes, "
        lines.append(f"{coding + ':':11}{os.path.basename(path)}: {bytes_}{finding}")
    if explanation.status is not None:
        lines += ["", explanation.status]
        lines += [f"{name}: {value}" for name, value in explanation.headers]
    return [printable(line) for line in lines]


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
    help, metavar = "Header field of the request. Can be repeated.", "'NAME: VALUE'"
    add("-H", "--header", type=_field, action="append", default=[], metavar=metavar, help=help)
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
    """A file that could be sent, and whether it was selected or why not."""

    path: str
    coding: str
    size: int | None  # bytes; None if it cannot be served
    finding: str


class Explanation(NamedTuple):
    """The response that a standalone app gives, and how it was chosen."""

    steps: list[tuple[str, str]]  # what was tried, and what was found
    candidates: list[Candidate]  # the codings of the file, if one answers the request
    status: str | None  # None if the request is not below the prefix
    headers: list[tuple[str, str]]
    event: AnswerEvent | None  # what ``on_answer`` would receive

    @property
    def is_served(self) -> bool:
        """Whether the client gets what it asked for, or a redirect to it."""
        return self.status is not None and self.status < "4"


def explain(
    directory: str, prefix: str, options: dict[str, Any], environ: WSGIEnvironment
) -> Explanation:
    """Explain the response to a request; options and errors are those of ``StaticFiles``."""
    app = StaticFiles(None, directory, prefix, **options)
    below, path_info = parse_prefix(prefix), environ["PATH_INFO"]
    if path_info != below and not path_info.startswith(below + "/"):
        steps = [("prefix", f"not below {path_name(below)}/: the wrapped app gets the request")]
        return Explanation(steps, [], None, [], None)
    trace = Trace()
    request = Request(environ, trace)
    response = cast(Response, app.site.respond(request))  # a miss is a 404 without a wrapped app
    response.close()
    event = answer_event(request, response)
    steps = [("prefix", f"below {path_name(below)}/")]
    steps += [(step.name, _finding(step)) for step in trace.steps]
    if not request.is_read:
        steps.append(("method", f"{request.method}: a wrapped app gets the request"))
    elif "HTTP_RANGE" in environ:
        headers = dict(response.headers)
        steps.append(("range", _range_finding(environ, headers, event, options["max_ranges"])))
    if any(step.name == "fallback" and step.source for step in trace.steps):
        steps.append(("app", "a wrapped app gets the request first"))
    candidates: list[Candidate] = []
    if event.status == 404:
        steps.append(("miss", "a wrapped app gets the request"))
    elif event.path is not None:
        types = MediaTypes(options["media_types"])
        for step in trace.steps:
            if isinstance(step.source, File):
                coding = types.coding(step.source.segments[-1])
                if coding is not None:
                    candidates = _stored_candidates(step.source, coding, response, event)
                else:
                    candidates = _candidates(step.source, app.encodings, request, event)
                    if request.field("HTTP_AVAILABLE_DICTIONARY") is not None:
                        is_on = options["dictionaries"]
                        candidates.insert(0, _delta(step.source, request, event, is_on=is_on))
    return Explanation(steps, candidates, response.status, response.headers, event)


def _finding(step: Step) -> str:
    if step.reason is not None:
        return f"{step.path}: {step.reason.value}"
    if isinstance(step.source, File):
        status = step.source.stat()
        modified = format_http_date(int(status.st_mtime))
        return f"{step.path}: {status.st_size:,} bytes, modified {modified}"
    return step.note


def _candidates(
    original: File, encodings: Sequence[str], request: Request, event: AnswerEvent
) -> list[Candidate]:
    """Return the codings of a file, each with the reason why it was not selected."""
    status = original.stat()
    preferences = acceptable_codings(request.field("HTTP_ACCEPT_ENCODING"))
    selected = preferences.quality(event.coding or IDENTITY)
    found = []
    for coding in (*PREFERENCE, IDENTITY):
        file = original.with_suffix(CODINGS[coding].suffix) if coding in CODINGS else original
        reason = why_no_file(file.directory, file.segments)
        if reason is not None:
            found.append(Candidate(file.path, coding, None, reason.value))
            continue
        candidate, quality = file.stat(), preferences.quality(coding)
        if coding not in (*encodings, IDENTITY):
            finding = "disabled by the options"
        elif not is_fresh(candidate, status):
            finding = "older than its file"
        elif event.path == file.path:
            in_memory = file is original and event.coding
            finding = f"compressed to {event.coding} in memory" if in_memory else "selected"
        elif file is not original and (fault := _fault(coding, file, original)):
            finding = f"not sent, since {fault}"
        elif not quality:
            finding = "not accepted"
        else:
            finding = "wanted less" if quality < selected else "not smaller than the selected file"
        found.append(Candidate(file.path, coding, candidate.st_size, finding))
    return found


def _delta(file: File, request: Request, event: AnswerEvent, *, is_on: bool) -> Candidate:
    """Return the delta for the dictionary of a request, with the reason why it is not sent."""
    dictionary = offered_dictionary(
        request.field("HTTP_AVAILABLE_DICTIONARY"), request.field("HTTP_ACCEPT_ENCODING")
    )
    if dictionary is None:
        return Candidate(file.path, DCZ, None, "not accepted, or the dictionary is malformed")
    delta = file.with_suffix(delta_suffix(dictionary))
    reason = why_no_file(delta.directory, delta.segments)
    if reason is not None:
        return Candidate(delta.path, DCZ, None, reason.value)
    size = delta.stat().st_size
    if event.path == delta.path:
        return Candidate(delta.path, DCZ, size, "selected")
    if not is_on:
        return Candidate(delta.path, DCZ, size, "disabled by the options")
    if not is_eligible(file.segments[-1]):
        return Candidate(delta.path, DCZ, size, "a type of file that has no deltas")
    if request.range is not None:
        return Candidate(delta.path, DCZ, size, "not sent, since ranges are those of the file")
    with delta.open() as opened:
        fault = why_not_sent(opened, file, file.inspect(), dictionary)
    return Candidate(delta.path, DCZ, size, fault or "not needed for this response")


def _stored_candidates(
    file: File, coding: str, response: Response, event: AnswerEvent
) -> list[Candidate]:
    """Return the codings of a file that is stored in a coding."""
    size, path = file.stat().st_size, file.path
    if event.coding is not None:
        other = Candidate(path, IDENTITY, None, "decoded only for clients that want it more")
        return [Candidate(path, coding, size, "selected"), other]
    length = dict(response.headers).get("Content-Length")
    decoded = None if length is None else int(length)
    own = Candidate(path, coding, size, "not accepted, or wanted less")
    return [own, Candidate(path, IDENTITY, decoded, "selected, and decoded as it is sent")]


def _fault(coding: str, sidecar: File, original: File) -> str | None:
    with sidecar.open() as coded, original.open() as opened:
        return sidecar_fault(coding, coded.file, opened.file)


def _range_finding(
    environ: WSGIEnvironment, headers: dict[str, str], event: AnswerEvent, max_ranges: int
) -> str:
    if event.ranges:
        shown = ", ".join(f"{start:,} to {stop - 1:,}" for start, stop in event.ranges)
        return f"bytes sent: {shown}"
    if event.status != 200:
        return "no bytes sent: see the status"
    if environ["REQUEST_METHOD"] == "HEAD":
        return "ignored: Range applies to GET only"
    if "Accept-Ranges" not in headers:  # such as a page of a directory, or an offloaded file
        return "ignored: this response offers no byte ranges"
    size = int(headers["Content-Length"])
    if get_ranges(environ["HTTP_RANGE"], size, max_ranges) is None:
        return "ignored: not of the form bytes=FIRST-LAST, or too many"
    if "HTTP_IF_RANGE" in environ:
        return "ignored: If-Range is not a strong validator of this version"
    return "ignored: the parts would be larger than the whole"
