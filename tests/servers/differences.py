"""What nginx and Go do otherwise, each with the section of RFC 9110 that decides it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle import RANGES, Headers, ask_ranges, parse_date

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
class Reply:
    status: int
    coding: str | None = None
    parts: tuple[tuple[str, bytes], ...] = ()  # Content-Range and bytes; "" for the whole
    last_modified: str | None = None
    unsatisfied: str | None = None
    etag: str = ""

    @property
    def covered(self) -> set[tuple[int, int]]:
        """Offset and value of each byte that was sent."""
        found = set()
        for place, content in self.parts:
            start = int(re.match(r"bytes (\d+)-", place)[1]) if place else 0  # type: ignore[index]
            found |= set(enumerate(content, start))
        return found


@dataclass(frozen=True)
class Difference:
    """What another server does otherwise, and where RFC 9110 decides it.

    Attributes:
        section: of the RFC; "may" where it leaves the choice.
        applies: tells of a request, our reply and theirs.
    """

    name: str
    section: str
    applies: Callable[[Request, Reply, Reply], bool]


def is_valid(request: Request) -> bool:
    size = len(FILES[request.path])
    return (
        RANGES.fullmatch(request.range) is not None and ask_ranges(request.range, size) is not None
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
        lambda asked, ours, theirs: (
            asked.method == "HEAD"
            and (ours.status, theirs.status) in ((200, 206), (200, 416))
            and bool(asked.range)
        ),
    ),
    Difference(
        "an invalid range set is ignored",
        "14.2 may",
        lambda asked, ours, theirs: (
            ours.status == 200
            and theirs.status in (206, 416)
            and asked.range.lower().startswith("bytes=")
            and not is_valid(asked)
        ),
    ),
    Difference(
        "empty elements and white space of a list",
        "5.6.1.2 MUST",
        lambda asked, ours, theirs: (
            ours.status in (206, 416)
            and theirs.status in (200, 206, 416)
            and is_valid(asked)
            and re.search(r"[=,][ \t]*(,|\Z)|[ \t]", asked.range) is not None
        ),
    ),
    Difference(
        "ranges that overlap or touch are sent as one",
        "15.3.7.2 may",
        lambda asked, ours, theirs: (
            ours.status == theirs.status == 206
            and ours.covered == theirs.covered
            and "," in asked.range
        ),
    ),
    Difference(
        "ranges that add up to more than the file",
        "14.2 may",
        lambda asked, ours, theirs: (
            (ours.status, theirs.status) == (206, 200)
            and sum(
                stop - start
                for start, stop in ask_ranges(asked.range, len(FILES[asked.path])) or ()
            )
            >= len(FILES[asked.path])
        ),
    ),
)
KNOWN = {
    "nginx": (
        *RANGE_DIFFERENCES,
        Difference(
            "a date that is none is ignored",
            "13.1.3, 13.1.4 MUST",
            lambda asked, ours, theirs: has_bad_date(asked) and theirs.status in (304, 412),
        ),
        Difference(
            "a date without GMT is none in If-Range",
            "5.6.7, 13.1.5 MUST",
            lambda asked, ours, theirs: (
                (ours.status, theirs.status) in ((200, 206), (200, 416))
                and asked.headers.get("If-Range", "").startswith("Tue, 14 Nov 2023 22:13:20")
                and parse_date(asked.headers["If-Range"]) is None
            ),
        ),
        Difference(
            "If-Modified-Since is not looked at beside If-None-Match",
            "13.1.3 MUST",
            lambda asked, ours, theirs: has_both(asked, "If-Modified-Since", "If-None-Match"),
        ),
        Difference(
            "If-Unmodified-Since is not looked at beside If-Match",
            "13.1.4 MUST",
            lambda asked, ours, theirs: (
                has_both(asked, "If-Unmodified-Since", "If-Match") and theirs.status == 412
            ),
        ),
        Difference(
            "stars, weights and aliases in Accept-Encoding",
            "12.5.3",
            lambda asked, ours, theirs: (
                asked.headers.get("Accept-Encoding") in ("*", "x-gzip", "gzip;q=0.5, identity")
            ),
        ),
        Difference(
            "ranges of a stored coding",
            "14.2 may",
            lambda asked, ours, theirs: (
                theirs.coding == "gzip" and theirs.status == 200 and bool(asked.range)
            ),
        ),
        Difference(
            "an empty file has no range",
            "15.5.17 may",
            lambda asked, ours, theirs: (
                (ours.status, theirs.status) == (416, 200) and asked.path == "/empty.txt"
            ),
        ),
    ),
    "go": (
        *RANGE_DIFFERENCES,
        Difference(
            "another unit is ignored",
            "14.2 MUST",
            lambda asked, ours, theirs: (
                (ours.status, theirs.status) == (200, 416)
                and not asked.range.lower().startswith("bytes=")
            ),
        ),
        Difference(
            "units in any case",
            "14.1",
            lambda asked, ours, theirs: asked.range.startswith("Bytes=") and theirs.status == 416,
        ),
        Difference(
            "a suffix of no bytes is no range",
            "14.1.2",
            lambda asked, ours, theirs: re.search(r"[=, ]-0+(?![0-9-])", asked.range) is not None,
        ),
    ),
}
