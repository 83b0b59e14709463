"""Known differences to nginx and Go's file server, with the sections of RFC 9110 that apply."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle import RANGES, Headers, expected_ranges, parse_date

FILES = {
    "/small.txt": b"0123456789" * 10,
    "/empty.txt": b"",
    "/large.txt": random.Random(0).randbytes(50_000),
}


@dataclass(frozen=True)
class Request:
    path: str
    method: str
    headers: Headers

    @property
    def range(self) -> str:
        return self.headers.get("Range", "")


@dataclass(frozen=True)
class Response:
    status: int
    coding: str | None = None
    parts: tuple[tuple[str, bytes], ...] = ()  # Content-Range ("" for the whole file) and content
    last_modified: str | None = None
    unsatisfied: str | None = None
    etag: str = ""

    @property
    def covered(self) -> set[tuple[int, int]]:
        """The offset and value of every byte that was sent."""
        found = set()
        for field, content in self.parts:
            start = int(re.match(r"bytes (\d+)-", field)[1]) if field else 0  # type: ignore[index]
            found |= set(enumerate(content, start))
        return found


@dataclass(frozen=True)
class Difference:
    """A known difference between our response and that of another server.

    Attributes:
        name: what we do, or what the difference is about.
        section: the section of RFC 9110; "may" if it permits both.
        applies: returns whether a request, our response and theirs show this difference.
    """

    name: str
    section: str
    applies: Callable[[Request, Response, Response], bool]


def is_valid(request: Request) -> bool:
    size = len(FILES[request.path])
    return (
        RANGES.fullmatch(request.range) is not None
        and expected_ranges(request.range, size) is not None
    )


def has_bad_date(request: Request) -> bool:
    names = ("If-Modified-Since", "If-Unmodified-Since")
    return any(parse_date(request.headers[n]) is None for n in names if n in request.headers)


def has_both(request: Request, one: str, other: str) -> bool:
    return one in request.headers and other in request.headers


RANGE_DIFFERENCES = (
    Difference(
        "Range is for GET only",
        "14.2 MUST",
        lambda request, ours, theirs: (
            request.method == "HEAD"
            and (ours.status, theirs.status) in ((200, 206), (200, 416))
            and bool(request.range)
        ),
    ),
    Difference(
        "an invalid range set is ignored",
        "14.2 may",
        lambda request, ours, theirs: (
            ours.status == 200
            and theirs.status in (206, 416)
            and request.range.lower().startswith("bytes=")
            and not is_valid(request)
        ),
    ),
    Difference(
        "empty elements and white space in lists",
        "5.6.1.2 MUST",
        lambda request, ours, theirs: (
            ours.status in (206, 416)
            and theirs.status in (200, 206, 416)
            and is_valid(request)
            and re.search(r"[=,][ \t]*(,|\Z)|[ \t]", request.range) is not None
        ),
    ),
    Difference(
        "ranges that overlap or touch are sent as one",
        "15.3.7.2 may",
        lambda request, ours, theirs: (
            ours.status == theirs.status == 206
            and ours.covered == theirs.covered
            and "," in request.range
        ),
    ),
    Difference(
        "ranges that add up to more than the file",
        "14.2 may",
        lambda request, ours, theirs: (
            (ours.status, theirs.status) == (206, 200)
            and sum(
                stop - start
                for start, stop in expected_ranges(request.range, len(FILES[request.path])) or ()
            )
            >= len(FILES[request.path])
        ),
    ),
)
KNOWN = {
    "nginx": (
        *RANGE_DIFFERENCES,
        Difference(
            "an invalid date is ignored",
            "13.1.3, 13.1.4 MUST",
            lambda request, ours, theirs: has_bad_date(request) and theirs.status in (304, 412),
        ),
        Difference(
            "a date without GMT is invalid in If-Range",
            "5.6.7, 13.1.5 MUST",
            lambda request, ours, theirs: (
                (ours.status, theirs.status) in ((200, 206), (200, 416))
                and request.headers.get("If-Range", "").startswith("Tue, 14 Nov 2023 22:13:20")
                and parse_date(request.headers["If-Range"]) is None
            ),
        ),
        Difference(
            "If-Modified-Since is ignored if there is an If-None-Match",
            "13.1.3 MUST",
            lambda request, ours, theirs: has_both(request, "If-Modified-Since", "If-None-Match"),
        ),
        Difference(
            "If-Unmodified-Since is ignored if there is an If-Match",
            "13.1.4 MUST",
            lambda request, ours, theirs: (
                has_both(request, "If-Unmodified-Since", "If-Match") and theirs.status == 412
            ),
        ),
        Difference(
            "wildcards, weights and aliases in Accept-Encoding",
            "12.5.3",
            lambda request, ours, theirs: (
                request.headers.get("Accept-Encoding") in ("*", "x-gzip", "gzip;q=0.5, identity")
            ),
        ),
        Difference(
            "ranges of a stored coding",
            "14.2 may",
            lambda request, ours, theirs: (
                theirs.coding == "gzip" and theirs.status == 200 and bool(request.range)
            ),
        ),
    ),
    "go": (
        *RANGE_DIFFERENCES,
        Difference(
            "other range units are ignored",
            "14.2 MUST",
            lambda request, ours, theirs: (
                (ours.status, theirs.status) == (200, 416)
                and not request.range.lower().startswith("bytes=")
            ),
        ),
        Difference(
            "range units are case-insensitive",
            "14.1",
            lambda request, ours, theirs: (
                request.range.startswith("Bytes=") and theirs.status == 416
            ),
        ),
        Difference(
            "a suffix of no bytes is not satisfiable",
            "14.1.2",
            lambda request, ours, theirs: (
                re.search(r"[=, ]-0+(?![0-9-])", request.range) is not None
            ),
        ),
    ),
}
