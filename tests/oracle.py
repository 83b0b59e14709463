"""An independent implementation of RFC 9110 for static files, and a strict client.

Nothing here uses the package under test. The oracle follows the text of RFC 9110, to which section
numbers refer. The multipart parser follows RFC 2046, section 5.1.
"""

from __future__ import annotations

import calendar
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from wsgiref.validate import WSGIWarning, validator

from tests.client import Environ, make_environ

Headers = dict[str, str]
WSGIApp = Callable[..., Iterable[bytes]]
ByteRange = tuple[int, int]

KNOWN_METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE")
NOT_IN_304 = {"content-length", "content-type", "content-range", "last-modified"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}
SLACK = 4096  # bytes by which a multipart response may be larger than the file


# ---- the client ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Response:
    """A response.

    Attributes:
        status: the status code.
        headers: the header fields.
        blocks: the blocks of the body.
        sized: whether the body has a length, from which wsgiref would set Content-Length.
    """

    status: int
    headers: list[tuple[str, str]]
    blocks: list[bytes]
    sized: bool

    @property
    def body(self) -> bytes:
        return b"".join(self.blocks)

    @property
    def fields(self) -> dict[str, str]:
        """The header fields by lower-case name, which must be unique."""
        names = [name.lower() for name, _ in self.headers]
        assert len(set(names)) == len(names), names
        return {name.lower(): value for name, value in self.headers}


def call_strictly(app: WSGIApp, environ: Environ) -> Response:
    """Call the app, read and close the body, and check the types that PEP 3333 demands."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert type(status) is str
        assert type(headers) is list
        assert all(type(name) is str and type(value) is str for name, value in headers), headers
        started.append((status, list(headers)))
        return lambda data: None

    result = app(environ, start_response)
    try:
        blocks = list(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    assert len(started) == 1, "start_response must be called once"
    assert all(type(block) is bytes for block in blocks)
    status, headers = started[0]
    assert re.fullmatch(r"[1-5][0-9][0-9] [ -~]+", status), status
    return Response(int(status[:3]), headers, blocks, hasattr(result, "__len__"))


def fetch(
    app: WSGIApp, path: str = "/", method: str = "GET", headers: Headers | None = None, **extra: str
) -> Response:
    """Call the app, and again with wsgiref's validator if that accepts the environ."""
    environ = make_environ("/", method, headers, PATH_INFO=path, **extra)
    response = call_strictly(app, environ)
    check_framing(response, method)
    script_name = environ["SCRIPT_NAME"]
    if path[:1] == "/" and (not script_name or (script_name[0] == "/" and script_name != "/")):
        with warnings.catch_warnings():
            warnings.simplefilter("error" if method in KNOWN_METHODS else "ignore", WSGIWarning)
            again = make_environ("/", method, headers, PATH_INFO=path, **extra)
            validated = call_strictly(validator(app), again)
        assert validated.status == response.status
        assert validated.fields.keys() == response.fields.keys()
        assert len(validated.body) == len(response.body)
    return response


def check_framing(response: Response, method: str) -> None:
    """Check that a response has clean ASCII fields, an exact length and no hop-by-hop fields."""
    fields = response.fields
    for name, value in response.headers:
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), name
        assert re.fullmatch(r"[ -~]*", value), (name, value)
        assert value == value.strip(), (name, value)
    assert not HOP_BY_HOP & fields.keys()
    assert response.blocks, "an empty body is [b''], some servers cannot take []"
    if response.status == 304:
        assert not {"content-length", "content-type"} & fields.keys()
        assert not response.sized
        assert response.body == b""
    elif method == "HEAD":
        assert re.fullmatch("0|[1-9][0-9]*", fields["content-length"])
        assert response.blocks == [b""]
    else:
        assert fields["content-length"] == str(len(response.body))


# ---- multipart/byteranges (14.6; RFC 2046 5.1) -------------------------------------------------


def boundary_of(response: Response) -> bytes:
    """Return the boundary. GDAL accepts the field only in exactly this spelling."""
    value = dict(response.headers)["Content-Type"]
    bchars = "[0-9A-Za-z'()+_,./:=? -]{1,70}"
    match = re.fullmatch(rf'multipart/byteranges; boundary=("?)({bchars})\1', value)
    assert match is not None, value
    assert not match[2].endswith(" "), value
    # Outside quotes a parameter value is a token (5.6.6).
    assert match[1] or re.fullmatch(r"[0-9A-Za-z'+_.-]+", match[2]), value
    return match[2].encode("ascii")


def parse_multipart(body: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Parse a multipart body strictly; return the header fields and the content of each part."""
    delimiter = b"\r\n--" + boundary
    before, *pieces, last = body.split(delimiter)
    assert before == b"", "zsync needs the CRLF before the first boundary"
    assert last in (b"--", b"--\r\n"), last
    parts = []
    for piece in pieces:
        assert piece.startswith(b"\r\n"), piece[:20]
        head, empty_line, content = piece[2:].partition(b"\r\n\r\n")
        assert empty_line, piece[:80]
        fields: dict[str, str] = {}
        for line in head.decode("ascii").split("\r\n"):
            name, colon, value = line.partition(":")
            assert colon, line
            assert name.lower() in {"content-type", "content-range"} - fields.keys(), line
            fields[name.lower()] = value.strip(" \t")
        parts.append((fields, content))
    return parts


MULTIPART = [0, 0]  # the lengths of the boundary, and of what follows the last boundary


def measure_multipart(app: WSGIApp, path: str, size: int) -> None:
    """Measure the boundary, so that the length of multipart responses can be predicted."""
    response = call_strictly(app, make_environ(path, headers={"Range": f"bytes=0-0,{size - 1}-"}))
    boundary = boundary_of(response)
    MULTIPART[:] = [len(boundary), len(response.body.rpartition(b"\r\n--" + boundary)[2])]


def multipart_length(pairs: list[ByteRange], size: int, media_type: str) -> int:
    """Predict the length of a multipart response."""
    boundary, end = MULTIPART
    total = 4 + boundary + end
    for start, stop in pairs:
        head = f"Content-Type: {media_type}", f"Content-Range: bytes {start}-{stop - 1}/{size}"
        total += 4 + boundary + 2 + len("\r\n".join(head)) + 4 + stop - start
    return total


# ---- the oracle ------------------------------------------------------------------------------

ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
SPEC = "[0-9]+-[0-9]*|-[0-9]+"
RANGES = re.compile(
    rf"bytes=[ \t]*(?:(?:{SPEC})[ \t]*)?(?:,[ \t]*(?:(?:{SPEC})[ \t]*)?)*", re.ASCII | re.IGNORECASE
)  # 14.1.1, 14.1.2, and empty list elements by 5.6.1.2
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = re.findall("...", "JanFebMarAprMayJunJulAugSepOctNovDec")
_DAY, _DAY3, _MON = "|".join(DAYS), "|".join(d[:3] for d in DAYS), f"(?P<mon>{'|'.join(MONTHS)})"
_TIME = "(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2})"
DATES = [
    re.compile(f"(?:{_DAY3}), (?P<d>[0-9]{{2}}) {_MON} (?P<y>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(f"(?:{_DAY}), (?P<d>[0-9]{{2}})-{_MON}-(?P<y>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(f"(?:{_DAY3}) {_MON} (?P<d>[0-9]{{2}}| [0-9]) {_TIME} (?P<y>[0-9]{{4}})"),
]  # IMF-fixdate, rfc850-date, asctime-date


def date_forms(second: int) -> tuple[str, str, str]:
    """Format a time in the three forms of 5.6.7, independently of the locale."""
    t = datetime.fromtimestamp(second, timezone.utc)
    day, month, clock = DAYS[t.weekday()], MONTHS[t.month - 1], f"{t:%H:%M:%S}"
    return (
        f"{day[:3]}, {t.day:02} {month} {t.year:04} {clock} GMT",
        f"{day}, {t.day:02}-{month}-{t.year % 100:02} {clock} GMT",
        f"{day[:3]} {month} {t.day:2} {clock} {t.year:04}",
    )


def parse_date(value: str) -> int | None:
    """Parse an HTTP-date (5.6.7); return None if it is invalid."""
    for pattern in DATES:
        match = pattern.fullmatch(value)
        if match is None:
            continue
        year, month = int(match["y"]), MONTHS.index(match["mon"]) + 1
        day, hour, minute, second = (int(match[part]) for part in ("d", "h", "m", "s"))
        if len(match["y"]) == 2:  # 5.6.7: a date more than 50 years ahead is in the past
            now = datetime.now(timezone.utc)
            year += now.year - now.year % 100
            since = (month, day, hour, minute, second)
            ahead = (year - now.year, *since) > (50, *now.timetuple()[1:6])
            year -= 100 if ahead else 0
        leap = second == 60  # 5.6.7: a leap second
        try:
            moment = datetime(year, month, day, hour, minute, second - leap)
        except ValueError:
            return None
        return calendar.timegm(moment.timetuple()) + leap
    return None


def parse_tags(value: str) -> list[tuple[bool, str]]:
    """Return (weak, opaque) of each entity tag up to the first malformed one (8.8.3)."""
    tags: list[tuple[bool, str]] = []
    while match := ETAG.match(value.lstrip(" \t,")):
        tags.append((match[1] is not None, match[2]))
        value = match.string[match.end() :]
    return tags


def expected_ranges(value: str, size: int) -> list[ByteRange] | None:
    """Return the result that ``get_ranges`` must have."""
    if size == 0 or not RANGES.fullmatch(value):  # 14.2 MAY: no range of nothing is a 416
        return None
    specs = re.findall(SPEC, value.partition("=")[2])
    if not 0 < len(specs) <= 200:
        return None

    def number(digits: str) -> tuple[int, str]:  # sorts like the number, which may be huge
        digits = digits.lstrip("0")
        return len(digits), digits

    def clamp(digits: str) -> int:
        length, digits = number(digits)
        return size if length > 18 else min(size, int(digits or "0"))

    pairs = []
    for spec in specs:
        first, _, last = spec.partition("-")
        if first and last and number(last) < number(first):
            return None
        if not first:
            start, stop = size - clamp(last), size
        else:
            start, stop = clamp(first), min(size, clamp(last) + 1) if last else size
        if start < stop:
            pairs.append((start, stop))
    return pairs


def merge(pairs: list[ByteRange]) -> list[ByteRange]:
    """Join ranges that overlap or touch, in the order of their first members."""
    runs: list[list[int]] = []  # start, stop, position
    for start, stop, position in sorted((*pair, number) for number, pair in enumerate(pairs)):
        if runs and start <= runs[-1][1]:
            runs[-1] = [runs[-1][0], max(runs[-1][1], stop), min(runs[-1][2], position)]
        else:
            runs.append([start, stop, position])
    return [(start, stop) for start, stop, _ in sorted(runs, key=lambda run: run[2])]


@dataclass(frozen=True)
class File:
    data: bytes
    mtime: int | None  # whole seconds; None without a Last-Modified
    etag: str


def precondition_status(file: File, headers: Headers) -> int:
    """Evaluate the preconditions in the order of 13.2.2; return 412, 304 or 200."""
    weak, opaque = file.etag.startswith("W/"), file.etag.partition('"')[2][:-1]
    tags = {name: parse_tags(value) for name, value in headers.items()}
    dates = {name: parse_date(value) for name, value in headers.items()}
    if "If-Match" in headers:  # 13.1.1, strong comparison
        if headers["If-Match"] != "*" and (weak or (False, opaque) not in tags["If-Match"]):
            return 412
    elif (
        (date := dates.get("If-Unmodified-Since")) is not None
        and file.mtime is not None
        and file.mtime > date
    ):  # 13.1.4
        return 412
    if "If-None-Match" in headers:  # 13.1.2, weak comparison
        same = opaque in [tag for _, tag in tags["If-None-Match"]]
        return 304 if same or headers["If-None-Match"] == "*" else 200
    date = dates.get("If-Modified-Since")  # 13.1.3
    return 304 if date is not None and file.mtime is not None and file.mtime <= date else 200


def expected_status_and_ranges(
    file: File, method: str, headers: Headers
) -> tuple[int, list[ByteRange]]:
    """Return the status and the ranges, regardless of the size of a multipart response."""
    headers = {name: value.strip(" \t") for name, value in headers.items()}
    status = precondition_status(file, headers)
    if status != 200 or method != "GET" or "Range" not in headers:
        return status, []
    if "If-Range" in headers:  # 13.1.5, strong comparison
        same_tag = headers["If-Range"] == file.etag and not file.etag.startswith("W/")
        date = parse_date(headers["If-Range"])
        if not same_tag and (date is None or date != file.mtime):
            return 200, []
    if file.mtime is None and "If-Unmodified-Since" in headers and "If-Match" not in headers:
        return 200, []  # 14.2 MAY: the condition cannot be evaluated
    pairs = expected_ranges(headers["Range"], len(file.data))
    if pairs is None:
        return 200, []
    return (206, merge(pairs)) if pairs else (416, [])


def check_response(
    response: Response, plain: Response, file: File, method: str, headers: Headers
) -> int:
    """Compare a response with the oracle; return the status.

    Args:
        response: the response.
        plain: the response to a GET request without header fields.
        file: the file.
        method: the request method.
        headers: the header fields of the request.
    """
    check_framing(response, method)
    status, pairs = expected_status_and_ranges(file, method, headers)
    fields, size, base = response.fields, len(file.data), plain.fields
    length = multipart_length(pairs, size, base["content-type"]) if len(pairs) > 1 else 0
    if length > size + SLACK:
        status, pairs = 200, []
    assert response.status == status, (response, headers)
    positions = [f"bytes {start}-{stop - 1}/{size}" for start, stop in pairs]
    contents = [file.data[start:stop] for start, stop in pairs]
    if status == 200:
        assert fields == base
        assert response.body == (b"" if method == "HEAD" else file.data)
    elif len(pairs) == 1:  # 15.3.7.1
        own = {"content-range": positions[0], "content-length": str(len(contents[0]))}
        assert fields == {**base, **own}
        assert response.body == contents[0]
    elif pairs:  # 15.3.7.2
        heads = [
            {"content-type": base["content-type"], "content-range": position}
            for position in positions
        ]
        parts = parse_multipart(response.body, boundary_of(response))
        assert parts == list(zip(heads, contents, strict=True))
        own = {"content-type": fields["content-type"], "content-length": str(length)}
        assert fields == {**base, **own}
    elif status == 304:  # 15.4.5
        assert not NOT_IN_304 & fields.keys()
        assert {"etag", "cache-control"} <= fields.keys()
        assert fields.items() <= base.items()
    else:  # 15.5.13, 15.5.17
        assert response.body == b""
        assert fields["content-length"] == "0"
        assert fields["content-type"].startswith("text/plain")
        assert fields.get("content-range") == (f"bytes */{size}" if status == 416 else None)
        assert status != 416 or fields["accept-ranges"] == "bytes"
    return status
