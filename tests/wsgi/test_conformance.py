"""Conditional and range requests according to RFC 9110, as tables.

Section numbers are those of the RFC. Each response is also checked against an independent reading
of it, the oracle.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.client import make_environ
from tests.oracle import (
    File,
    Headers,
    Response,
    WSGIApp,
    boundary_of,
    call_strictly,
    check_response,
    date_forms,
    fetch,
    measure_multipart,
    parse_multipart,
)
from wsgistatic import FileApp, StaticFiles, content_range, get_ranges, merge_ranges

OLD = 1_699_056_000 + 13 * 3600  # Sat, 04 Nov 2023; asctime pads a day of one digit
DATA = bytes(range(256)) * 4 + bytes(210)  # 1234 bytes
LARGE = b"".join(b"%07d\n" % n for n in range(37_500)) + b"x"  # 300,001 bytes: streamed
IMF, RFC850, ASCTIME = date_forms(OLD)
(EARLIER, *_), (LATER, *_) = date_forms(OLD - 1), date_forms(OLD + 1)
FUTURE = "Fri, 31 Dec 9999 23:59:59 GMT"
FILES = {"data.bin": DATA, "large.bin": LARGE, "empty.txt": b"", "page.html": b"<p>\n" * 50}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(0, OLD * 10**9 + 123_456_789))
    time.sleep(0.1)  # until the clock has ticked, the files are not cached
    return folder


@pytest.fixture(scope="module", params=["StaticFiles", "StaticFiles small blocks", "FileApp"])
def app(request: pytest.FixtureRequest, root: Path) -> WSGIApp:
    if request.param == "FileApp":
        apps = {"/" + name: FileApp(root / name) for name in FILES}
        made: WSGIApp = lambda environ, start: apps[environ["PATH_INFO"]](environ, start)  # noqa: E731
    else:
        small = " " in request.param
        made = StaticFiles(None, root, block_size=1000) if small else StaticFiles(None, root)
    measure_multipart(made, "/data.bin", len(DATA))
    return made


def known_file(app: WSGIApp, name: str) -> tuple[Response, File]:
    """Check the plain response to a file, and return it with what the oracle needs to know."""
    plain = fetch(app, "/" + name)
    fields = plain.fields
    assert plain.status == 200
    assert plain.body == FILES[name]
    assert fields["accept-ranges"] == "bytes"
    assert fields["last-modified"] == IMF  # 8.8.2, whole seconds, the preferred form
    assert re.fullmatch(r'"[!#-~]+"', fields["etag"])  # 8.8.3, strong
    assert fields["cache-control"] == "max-age=60"
    assert fields["x-content-type-options"] == "nosniff"
    assert not {"content-range", "content-encoding"} & fields.keys()
    return plain, File(FILES[name], OLD, fields["etag"])


def fill_in(headers: Headers, etag: str) -> Headers:
    """Replace {e} by the current entity tag, and {o} by its text without the quotes."""
    return {k: v.replace("{e}", etag).replace("{o}", etag[1:-1]) for k, v in headers.items()}


MATCH = "If-Match"
NONE = "If-None-Match"
SINCE = "If-Modified-Since"
UNMOD = "If-Unmodified-Since"
IF_RANGE = "If-Range"

CONDITIONS: list[tuple[Headers, int]] = [
    # 13.1.1: strong comparison with any member of the list; "*" only by itself
    *(({MATCH: v}, 200) for v in ("{e}", "*", " * ", '"x", {e}', '{e},"x"', ",, {e} ,", "\t{e}")),
    *(({MATCH: v}, 200) for v in ("{e}, garbage", "W/{e}, {e}", '{e}, "unfinished', "{e}, *")),
    *(({MATCH: v}, 412) for v in ("W/{e}", '"x"', "{o}", "garbage, {e}", "w/{e}", "*, {e}", '"*"')),
    *(
        ({MATCH: v}, 412)
        for v in ('"{o}', "{o}, {e}", "W/ {e}", '"\u20ac", {e}', "\udc80", ",", "**")
    ),
    # 13.1.2: weak comparison
    *(({NONE: v}, 304) for v in ("{e}", "W/{e}", "*", "\t* ", '"x", {e}', '"x",W/{e}', ",{e},")),
    *(({NONE: v}, 304) for v in ("{e}, garbage", '"\xe9", {e}', '"a,b" , {e}')),
    *(({NONE: v}, 200) for v in ('"x"', "{o}", "garbage, {e}", "w/{e}", '"*"', "*, {e}", "\udc80")),
    # 13.1.3: a date in any of the forms of 5.6.7; anything else must be ignored
    *(({SINCE: v}, 304) for v in (IMF, RFC850, ASCTIME, LATER, FUTURE, f" {IMF} ")),
    *(({SINCE: v}, 200) for v in (EARLIER, f"{IMF}, {IMF}", f"{LATER},{LATER}", "0", "", "{e}")),
    *(
        ({SINCE: v}, 200)
        for v in ("Thu, 30 Feb 2034 00:00:00 GMT", "Sat, 04 Nov 2034 24:00:00 GMT")
    ),
    *(({SINCE: v}, 200) for v in (LATER[:-4], LATER[:-3] + "+0000", "*", "2034-01-01T00:00:00Z")),
    *(
        ({SINCE: v}, 200)
        for v in ("Sat, 04 Nov 20345 13:00:00 GMT", LATER.lower(), "\udc80", "9" * 5000)
    ),
    *(
        ({SINCE: v}, 200)
        for v in ("Sat, 0\u0664 Nov 2034 13:00:00 GMT", "Thu, 01 Jan 0001 00:00:00 GMT")
    ),
    # 13.1.4
    *(({UNMOD: v}, 200) for v in (IMF, RFC850, ASCTIME, LATER, FUTURE, f"{EARLIER}, {EARLIER}")),
    *(
        ({UNMOD: v}, 200)
        for v in ("Thu, 30 Feb 2012 00:00:00 GMT", "0", "\udc80", EARLIER[:-4], "*")
    ),
    *(({UNMOD: v}, 412) for v in (*date_forms(OLD - 1), *date_forms(784_111_777), f" {EARLIER}")),
    # 13.2.2: the order of evaluation, and which field makes another one irrelevant
    ({MATCH: "{e}", UNMOD: EARLIER}, 200),
    ({MATCH: '"x"', UNMOD: LATER}, 412),
    ({MATCH: "garbage", UNMOD: LATER}, 412),
    ({MATCH: "{e}", NONE: "{e}"}, 304),
    ({MATCH: "*", NONE: "*"}, 304),
    ({MATCH: '"x"', NONE: "{e}"}, 412),
    ({MATCH: "{e}", NONE: '"x"'}, 200),
    ({MATCH: "{e}", SINCE: IMF}, 304),
    ({MATCH: '"x"', SINCE: IMF}, 412),
    ({UNMOD: EARLIER, NONE: "{e}"}, 412),
    ({UNMOD: IMF, NONE: "{e}"}, 304),
    ({UNMOD: IMF, SINCE: IMF}, 304),
    ({UNMOD: "never", NONE: "W/{e}"}, 304),
    ({NONE: '"x"', SINCE: IMF}, 200),
    ({NONE: "garbage", SINCE: IMF}, 200),
    ({NONE: "{e}", SINCE: EARLIER}, 304),
    ({NONE: "{e}", SINCE: "garbage"}, 304),
    # preconditions come before Range, and If-Range without Range has no effect
    ({NONE: "{e}", "Range": "bytes=0-1"}, 304),
    ({SINCE: IMF, "Range": "bytes=0-1", IF_RANGE: "{e}"}, 304),
    ({MATCH: '"x"', "Range": "bytes=9999-"}, 412),
    ({NONE: "*", "Range": "bytes=9999-"}, 304),
    ({IF_RANGE: "{e}"}, 200),
    ({IF_RANGE: '"x"'}, 200),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_preconditions_are_evaluated_as_the_rfc_demands(
    app: WSGIApp, headers: Headers, status: int
) -> None:
    plain, file = known_file(app, "data.bin")
    sent = fill_in(headers, file.etag)
    for method in ("GET", "HEAD"):
        answer = fetch(app, "/data.bin", method, sent)
        assert answer.status == status
        assert check_response(answer, plain, file, method, sent) == status  # the oracle agrees


RANGES: list[tuple[Headers, int]] = [
    # 13.1.5: a strong entity tag or the exact date; with anything else the file is sent whole
    *(({IF_RANGE: v, "Range": "bytes=1-2"}, 206) for v in ("{e}", " {e} ", IMF, RFC850, ASCTIME)),
    *(({IF_RANGE: v, "Range": "bytes=1-2"}, 200) for v in ("W/{e}", '"x"', "{o}", "*", "garbage")),
    *(
        ({IF_RANGE: v, "Range": "bytes=1-2"}, 200)
        for v in (EARLIER, LATER, f"{IMF}, {IMF}", '{e}, "x"')
    ),
    *(
        ({IF_RANGE: v, "Range": "bytes=1-2"}, 200)
        for v in ("Thu, 30 Feb 2012 00:00:00 GMT", "\udc80")
    ),
    *(({IF_RANGE: v, "Range": "bytes=9999-"}, 200) for v in ('"x"', LATER, "W/{e}", IMF[:-4])),
    *(({IF_RANGE: v, "Range": "bytes=9999-"}, 416) for v in ("{e}", IMF)),
    # preconditions that hold leave the range in effect
    ({NONE: '"x"', "Range": "bytes=0-0"}, 206),
    ({MATCH: "{e}", UNMOD: EARLIER, "Range": "bytes=0-0"}, 206),
    ({SINCE: EARLIER, "Range": "bytes=0-0"}, 206),
    # 14.1.2
    *(
        ({"Range": f"bytes={v}"}, 206)
        for v in ("0-0", "0-", "0-1233", "0-1234", "1233-", "-1", "-1234")
    ),
    *(({"Range": f"bytes={v}"}, 206) for v in ("-9999", "5-9,9999-", "-0,3-4", "0-" + "9" * 5000)),
    *(({"Range": f"bytes={v}"}, 206) for v in ("0" * 5000 + "5-6", "-" + "9" * 5000, "0005-0009")),
    *(
        ({"Range": f"bytes={v}"}, 206)
        for v in (",0-1", "0-1,", "0-1 ,\t5-6", "0-0,,2-2", "0-1, ,4-5")
    ),
    *(
        ({"Range": f"bytes={v}"}, 416)
        for v in ("1234-", "1234-1235", "9" * 5000 + "-", "-0", "-000")
    ),
    *(
        ({"Range": f"bytes={v}"}, 416)
        for v in ("9998-9999,5000-", "-0,-0", "9" * 30 + "-" + "9" * 31)
    ),
    *(({"Range": v}, 206) for v in ("Bytes=0-1", "BYTES=0-1", "bYtEs=5-5,7-7", " bytes=0-1\t")),
    ({"Range": "bytes= 0-1"}, 206),  # an example in 14.1.2 has this blank
    # 14.2: unknown units, and values outside the grammar of 14.1.1
    *(
        ({"Range": v}, 200)
        for v in ("", "bytes", "bytes=", "bytes=,", "items=0-1", "byte\u017f=0-1", "*")
    ),
    *(
        ({"Range": v}, 200)
        for v in ("bytes 0-1", "bytes=0-1bytes=2-3", "bytes=0-1,bytes=2-3", "=0-1")
    ),
    *(
        ({"Range": f"bytes={v}"}, 200)
        for v in ("1-0", "9999-9998", "0-1,5-4", "-", "0", "a-b", "0-1,x")
    ),
    *(
        ({"Range": f"bytes={v}"}, 200)
        for v in ("--1", "-1-", "0--1", "0-1-2", "+0-1", "0-1_0", "0x0-1")
    ),
    *(
        ({"Range": f"bytes={v}"}, 200)
        for v in ("0 -1", "0- 1", "0-1;2-3", "0-1\xa0,3-4", "0-1 2-3")
    ),
    *(
        ({"Range": f"bytes={v}"}, 200)
        for v in ("0-\u0661", "\uff10-1", "\xb2-3", "\udcb2-", "0-1.5", "1e1-")
    ),
    *(
        ({"Range": f"bytes={v}"}, 200)
        for v in ("9" * 5001 + "-" + "9" * 5000, "5-" + "0" * 5000 + "4")
    ),
    ({"Range": "bytes =0-1"}, 200),
    ({"Range": "bytes=0-1\xa0"}, 200),
    # touching and overlapping ranges are merged, at the place of the first of them
    *(
        ({"Range": f"bytes={v}"}, 206)
        for v in ("0-4,5-9", "5-9,0-4", "0-9,3-4", "-5,0-", "0-5,9-9,4-8")
    ),
    *(
        ({"Range": f"bytes={v}"}, 206)
        for v in ("9-9,0-1,5-6", "-1,0-0", "4-5,20-30,0-3,10-19", "0-0,2-2")
    ),
    # max_ranges, and a multipart response much larger than the whole file
    ({"Range": "bytes=" + ",".join(["0-3"] * 200)}, 206),
    ({"Range": "bytes=" + ",".join(["0-3"] * 201)}, 200),
    ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 20, 2))}, 206),
    ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 400, 2))}, 200),
]


@pytest.mark.parametrize(("headers", "status"), RANGES)
def test_ranges_are_sent_as_the_rfc_demands(app: WSGIApp, headers: Headers, status: int) -> None:
    plain, file = known_file(app, "data.bin")
    sent = fill_in(headers, file.etag)
    answer = fetch(app, "/data.bin", headers=sent)
    assert answer.status == status
    assert check_response(answer, plain, file, "GET", sent) == status  # the oracle agrees
    head = fetch(app, "/data.bin", "HEAD", sent)  # 14.2: Range is defined for GET only
    assert sorted(head.headers) == sorted(plain.headers)


def test_head_has_the_fields_of_get(app: WSGIApp) -> None:
    """9.3.2: HEAD has the same header fields as GET, without content."""
    for name in FILES:
        plain, _ = known_file(app, name)
        assert sorted(fetch(app, "/" + name, "HEAD").headers) == sorted(plain.headers)
    assert known_file(app, "page.html")[0].fields["content-type"] == "text/html; charset=utf-8"
    assert known_file(app, "data.bin")[0].fields["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "spec", ["0-", "131071-131072", "-1", "299999-300000", "999-1000", "5-262150"]
)
def test_ranges_of_a_streamed_file(app: WSGIApp, spec: str) -> None:
    plain, file = known_file(app, "large.bin")
    for value in (f"bytes={spec}", f"bytes=3-4,{spec}", f"bytes={spec},0-0"):
        sent = {"Range": value}
        assert (
            check_response(fetch(app, "/large.bin", headers=sent), plain, file, "GET", sent) == 206
        )


def test_a_multipart_body_has_the_parts_in_the_requested_order(app: WSGIApp) -> None:
    """15.3.7.2, checked without the oracle."""
    answer = fetch(app, "/page.html", headers={"Range": "bytes=100-101,0-2"})
    assert answer.status == 206
    assert "content-range" not in answer.fields
    kind = "text/html; charset=utf-8"
    assert parse_multipart(answer.body, boundary_of(answer)) == [
        ({"content-type": kind, "content-range": "bytes 100-101/200"}, b"<p"),
        ({"content-type": kind, "content-range": "bytes 0-2/200"}, b"<p>"),
    ]
    again = fetch(app, "/page.html", headers={"Range": "bytes=100-101,0-2"})
    assert boundary_of(again) not in FILES["page.html"]


@pytest.mark.parametrize("if_range", [False, True])
@pytest.mark.parametrize("value", ["0-0", "0-99", "0-", "-0", "1-2,3-4", "-1", "0-,-5", "1-0"])
def test_ranges_of_an_empty_file(app: WSGIApp, value: str, if_range: bool) -> None:
    """14.2: the field may be ignored, and caches that fetch files in ranges need a 200."""
    plain, file = known_file(app, "empty.txt")
    assert plain.fields["content-length"] == "0"
    sent = {"Range": f"bytes={value}", **({"If-Range": file.etag} if if_range else {})}
    for method in ("GET", "HEAD"):
        answer = fetch(app, "/empty.txt", method, headers=sent)
        assert check_response(answer, plain, file, method, sent) == answer.status == 200
    assert fetch(app, "/empty.txt", headers={NONE: file.etag}).status == 304


def test_every_combination_of_conditions_agrees_with_the_oracle(root: Path) -> None:
    """13.2.2: the product of the four preconditions, If-Range and Range."""
    app = StaticFiles(None, root)
    plain, file = known_file(app, "data.bin")
    tags = [None, "{e}", "W/{e}", '"x"', "*", "garbage", '"x", {e}']
    dates = [None, IMF, EARLIER, LATER, "garbage"]
    seen = set()
    for match, none, unmod, since in itertools.product(tags, tags, dates, dates):
        for value, if_range in [(None, None), ("bytes=2-3", IMF), ("bytes=2-3,5-6", "{e}")]:
            drawn = {MATCH: match, NONE: none, UNMOD: unmod, SINCE: since, IF_RANGE: if_range}
            drawn["Range"] = value
            sent = fill_in({k: v for k, v in drawn.items() if v is not None}, file.etag)
            answer = call_strictly(app, make_environ("/data.bin", headers=sent))
            seen.add(check_response(answer, plain, file, "GET", sent))
    assert seen == {200, 206, 304, 412}


def test_a_two_digit_year_is_at_most_fifty_years_ahead(app: WSGIApp) -> None:
    """5.6.7: a year that appears to be more than 50 years ahead is in the past."""
    year = datetime.now(timezone.utc).year
    for ahead, status in ((40, 304), (60, 200)):
        date = f"Monday, 01-Jan-{(year + ahead) % 100:02} 00:00:00 GMT"
        assert fetch(app, "/data.bin", headers={SINCE: date}).status == status


def test_the_public_helpers_for_ranges() -> None:
    assert get_ranges("bytes=30000-40000", 50000) == [(30000, 40001)]
    assert get_ranges("bytes=9-9,0-4,-2,2-6", 10) == [(9, 10), (0, 5), (8, 10), (2, 7)]
    assert get_ranges("bytes=10-", 10) == []
    for value in (None, "", "bytes=0-1\n", "bytes=0-1,5", "lines=1-2", "bytes=4-3"):
        assert get_ranges(value, 10) is None
    assert get_ranges("bytes=0-0,1-1", 10, max_ranges=1) is None
    assert get_ranges("bytes=0-0,1-1", 10, 2) == [(0, 1), (1, 2)]
    assert get_ranges("bytes=-5", 0) is get_ranges("bytes=0-", 0) is None
    assert merge_ranges([(9, 10), (0, 5), (8, 9), (20, 30), (5, 6)]) == [(8, 10), (0, 6), (20, 30)]
    assert merge_ranges([]) == []
    assert content_range(0, 500, 1234) == "bytes 0-499/1234"
