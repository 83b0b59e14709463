"""Properties: every response is the oracle's, and no request raises an exception."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.client import make_environ
from tests.oracle import (
    File,
    Headers,
    call_strictly,
    check_framing,
    check_response,
    date_forms,
    expected_ranges,
    measure_multipart,
    merge,
)
from tests.platforms import ON_WINDOWS
from tests.properties import examples
from wsgistatic import FileApp, StaticFiles, content_range, get_ranges, merge_ranges

RELAXED = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)  # including lone surrogates

# ---- header values -----------------------------------------------------------------------------


def weighted(*strategies: tuple[int, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """Draw from one of the strategies, chosen by weight."""
    places = [place for place, (weight, _) in enumerate(strategies) for _ in range(weight)]
    return st.sampled_from(places).flatmap(lambda place: strategies[place][1])


SEPARATORS = st.sampled_from([",", ", ", " ,", "\t,  ", ",,", ", ,"])
PADDING = st.sampled_from(["", "", "", "0", "000", "0" * 5000])
HOSTILE = (
    '0123456789-,= \t+_.xX;"*/\x00\n\r\x0b\x1c\x7f\x85\xa0\xb2\u0663\uff11\u2212\u017f\udcb2\udc80'
)
JUNK = ["", "bytes", "bytes=", "items=0-5", "bytes=0-1bytes=2-3", "bytes=a-b", "bytes=--1", "="]


def numbers(size: int) -> st.SearchStrategy[str]:
    near = st.integers(0, size + 3).map(str)
    edges = st.sampled_from([0, 1, max(size - 1, 0), size, 2**31, 2**63, 2**64]).map(str)
    huge = st.sampled_from(["9" * 5000, "1" + "0" * 4999, "9" * 19])
    return st.builds(str.__add__, PADDING, weighted((6, near), (3, edges), (1, huge)))


@st.composite
def range_sets(draw: st.DrawFn, size: int) -> str:
    """Draw a value within the grammar of 14.1.1, mostly with last-pos at or after first-pos."""
    specs = []
    for _ in range(draw(st.integers(1, draw(st.sampled_from([1, 1, 2, 4, 30]))))):
        kind = draw(st.sampled_from(["ordered"] * 7 + ["open", "suffix", "any"]))
        if kind == "ordered":
            start = draw(st.integers(0, size))
            longest = draw(st.sampled_from([0, 9, 100, size]))
            specs.append(f"{start}-{start + draw(st.integers(0, longest))}")
        elif kind == "suffix":
            specs.append(f"-{draw(numbers(min(size, 20)))}")
        else:
            specs.append(f"{draw(numbers(size))}-{draw(numbers(size)) if kind == 'any' else ''}")
    text = specs[0] + "".join(draw(SEPARATORS) + spec for spec in specs[1:])
    return draw(st.sampled_from(["bytes", "bytes", "Bytes", "BYTES"])) + "=" + text


@st.composite
def near_ranges(draw: st.DrawFn, size: int) -> str:
    """Draw a range set with one or two characters inserted, deleted or changed."""
    text = draw(range_sets(size))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(text)))
        rest = text[place + draw(st.integers(0, 1)) :]
        text = text[:place] + draw(st.text(HOSTILE, max_size=1)) + rest
    return text


def range_values(size: int) -> st.SearchStrategy[str]:
    junk = st.sampled_from(JUNK)
    hostile = st.text(HOSTILE, max_size=20).map("bytes=".__add__)
    return weighted(
        (7, range_sets(size)), (2, near_ranges(size)), (1, hostile), (1, ANY_TEXT), (1, junk)
    )


def tag_values() -> st.SearchStrategy[str]:
    """Draw lists of entity tags; {e} is the current one, {o} its text without the quotes."""
    member = st.sampled_from(["{e}", "{e}", "W/{e}", '"x"', 'W/"x"', '"a,b"', '""', '"\xe9"'])
    garbage = st.sampled_from(
        ["{o}", "garbage", "w/{e}", "*", '"open', '"\u20ac"', "\udc80", "W/", "'{o}'"]
    )
    lists = st.builds(
        ", ".join, st.lists(weighted((3, member), (1, garbage)), min_size=1, max_size=4)
    )
    return weighted((3, member), (3, lists), (1, garbage), (1, ANY_TEXT))


def date_values(mtime: int) -> st.SearchStrategy[str]:
    near = st.sampled_from([0, 0, 0, -1, 1, -86_400, 86_400])
    date = st.builds(lambda away, form: date_forms(mtime + away)[form], near, st.integers(0, 2))
    right = date_forms(mtime)[0]
    bad = ["", "0", "*", "{e}", "1" * 5000, str(mtime), right[:-4], right[:-3] + "+0000"]
    bad += ["Thu, 30 Feb 2012 00:00:00 GMT", "Thu, 01 Mar 2012 25:00:00 GMT"]
    garbage = st.sampled_from(bad)
    joined = st.builds(", ".join, st.lists(date, min_size=2, max_size=2))
    return weighted((5, date), (1, joined), (1, garbage), (1, ANY_TEXT))


@st.composite
def requests(draw: st.DrawFn, size: int, mtime: int) -> Headers:
    """Draw Range, preconditions or both; the latter often hold, so that the range takes effect."""
    drawn: dict[str, st.SearchStrategy[str]] = {}
    shape = draw(st.sampled_from(["range", "range", "range", "if-range", "conditions", "all"]))
    if shape != "conditions":
        drawn["Range"] = range_values(size)
    if shape in ("if-range", "all"):
        drawn["If-Range"] = weighted(
            (2, st.just("{e}")), (1, tag_values()), (1, date_values(mtime))
        )
    if shape in ("conditions", "all"):
        dates = date_values(mtime)
        conditions = {
            "If-Match": weighted((2, st.sampled_from(["{e}", "*"])), (1, tag_values())),
            "If-None-Match": weighted((1, st.just('"x"')), (1, tag_values())),
            "If-Unmodified-Since": weighted((1, st.just(date_forms(mtime)[0])), (1, dates)),
            "If-Modified-Since": dates,
        }
        names = draw(st.lists(st.sampled_from(sorted(conditions)), max_size=4, unique=True))
        drawn.update((name, conditions[name]) for name in names)
    return {name: draw(strategy) for name, strategy in drawn.items()}


# ---- every request for a file ------------------------------------------------------------------

SIZES = [*range(20), 26, 31, 99, 100, 101, 255, 512, 1000, 1234, 2047, 4095, 4096, 4097, 9999]
SIZES += [131_071, 131_072, 131_073, 262_145, 600_000]  # around the limits of cache and blocks
TIMES = [1_700_000_000, 1_699_102_800, 784_111_777, 951_782_400]  # one on a 29 February


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files")
    for size in SIZES:
        (path / f"{size}.bin").write_bytes(random.Random(size).randbytes(size))
        second, rest = TIMES[size % 4], [0, 1, 999_999_999][size % 3]
        os.utime(path / f"{size}.bin", ns=(0, second * 10**9 + rest))
    time.sleep(0.1)  # until the clock has ticked, the files are not cached
    measure_multipart(StaticFiles(None, path), "/1234.bin", 1234)
    return path


@pytest.fixture(scope="module")
def app(folder: Path) -> StaticFiles:
    return StaticFiles(None, folder)


@settings(RELAXED, max_examples=examples(900))
@given(data=st.data(), method=st.sampled_from(["GET", "GET", "GET", "HEAD"]))
def test_every_request_for_a_file_gets_the_response_of_the_oracle(
    folder: Path, app: StaticFiles, data: st.DataObject, method: str
) -> None:
    """Status, header fields and body agree, from a warm instance and from a cold one."""
    size = data.draw(st.sampled_from(SIZES) | st.sampled_from(SIZES[20:]))
    mtime, name = TIMES[size % 4], f"{size}.bin"
    content = (folder / name).read_bytes()
    plain = call_strictly(FileApp(folder / name), make_environ("/", PATH_INFO="/" + name))
    assert (plain.status, plain.body) == (200, content)
    assert plain.fields["last-modified"] == date_forms(mtime)[0]
    etag = plain.fields["etag"]
    drawn = data.draw(requests(size, mtime))
    headers = {k: v.replace("{e}", etag).replace("{o}", etag[1:-1]) for k, v in drawn.items()}
    # Leave out what no specification decides: empty lists of tags, and space only for Python.
    assume(all(value.strip() == value.strip(" \t") for value in headers.values()))
    assume(all(headers.get(name, "x").strip() for name in ("If-Match", "If-None-Match")))
    file = File(content, mtime, etag)
    for server in (app, StaticFiles(None, folder)):
        answer = call_strictly(server, make_environ("/", method, headers, PATH_INFO="/" + name))
        status = check_response(answer, plain, file, method, headers)
        parts = "multipart" in answer.fields.get("content-type", "")
        event(f"{status} multipart" if parts else str(status))
        again = call_strictly(server, make_environ("/", PATH_INFO="/" + name))
        assert (again.fields, again.body) == (plain.fields, content)


# ---- the public helpers ------------------------------------------------------------------------


@settings(RELAXED, max_examples=examples(1000))
@given(data=st.data(), size=st.one_of(st.integers(0, 20), st.integers(0, 10**6), st.just(2**70)))
def test_get_ranges_agrees_with_the_oracle(data: st.DataObject, size: int) -> None:
    value = data.draw(range_values(min(size, 10**6)))
    if size < 10**18:  # the oracle's limit
        assume(value == value.strip())  # white space around the value is the caller's business
        assert get_ranges(value, size) == expected_ranges(value, size)
    else:
        pairs = get_ranges(value, size) or []
        assert all(0 <= start < stop <= size for start, stop in pairs)


PAIRS = st.builds(lambda a, n: (a, a + n), st.integers(0, 60), st.integers(1, 12))


@settings(RELAXED, max_examples=examples(500))
@given(st.lists(PAIRS, max_size=15))
def test_merged_ranges_cover_the_same_bytes_once(pairs: list[tuple[int, int]]) -> None:
    merged = merge_ranges(pairs)
    covered = [set(range(*pair)) for pair in merged]
    assert set().union(*covered) == {place for pair in pairs for place in range(*pair)}
    assert sum(map(len, covered)) == len(set().union(*covered))  # no byte is sent twice
    assert not {start for start, _ in merged} & {stop for _, stop in merged}  # no two ranges touch
    firsts = [min(i for i, (a, _) in enumerate(pairs) if a in places) for places in covered]
    assert firsts == sorted(firsts)
    assert merged == merge(pairs)
    for start, stop in pairs:
        assert content_range(start, stop, 99) == f"bytes {start}-{stop - 1}/99"


# ---- any environ at all ------------------------------------------------------------------------

SEGMENTS = [
    "a.txt",
    "dir",
    "index.html",
    "bare",
    "out.txt",
    "outdir",
    "secret.txt",
    "in.txt",
    ".env",
]
SEGMENTS += [
    "",
    "",
    ".",
    "..",
    "...",
    "\0",
    "a.txt\0",
    "\\",
    "..\\",
    "C:",
    "%2e%2e",
    "%2F",
    "a.txt ",
    "~",
]
SEGMENTS += [
    "x" * 300,
    "A.TXT",
    "\xe9",
    "\xc3\xa9.txt",
    "\u20ac",
    "\udce9",
    "a.txt:x",
    "http:",
    "\r\nX: y",
]
FILES = {"/s/a.txt", "/s/dir/index.html", "/s/dir/", "/s/\xc3\xa9.txt", "/s/in.txt"}
KNOWN_PATHS = st.sampled_from([*sorted(FILES), "/s/dir", "/s/dir", "/s", "/s/", "", "/"])
PIECES = st.lists(weighted((3, st.sampled_from(SEGMENTS)), (1, ANY_TEXT)), max_size=5).map("/".join)
PATHS = weighted((3, KNOWN_PATHS), (3, PIECES.map("/s/".__add__)), (1, PIECES), (1, ANY_TEXT))
NAMES = [
    "RANGE",
    "IF_RANGE",
    "IF_MATCH",
    "IF_NONE_MATCH",
    "IF_MODIFIED_SINCE",
    "IF_UNMODIFIED_SINCE",
]
NAMES += ["ACCEPT_ENCODING", "ACCEPT", "HOST", "ORIGIN", "X_FORWARDED_HOST", "CACHE_CONTROL"]
ANY_VALUE = weighted(
    (2, ANY_TEXT), (1, range_sets(5)), (1, tag_values()), (1, date_values(TIMES[0]))
)
METHODS = weighted((6, st.sampled_from(["GET", "GET", "HEAD", "POST", "get", ""])), (1, ANY_TEXT))
SCRIPT_NAMES = weighted(
    (2, st.sampled_from(["", "/m", "//evil.example", "/\\evil.example"])), (1, ANY_TEXT)
)
QUERIES = weighted((2, st.sampled_from(["", "a=1", "a\r\nX: y", "//x"])), (1, ANY_TEXT))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_bytes(b"SECRET")
    path = tmp_path_factory.mktemp("private-place") / "root"
    (path / "dir").mkdir(parents=True)
    (path / "bare").mkdir()
    for name in ("a.txt", "dir/index.html", "\u00e9.txt"):
        (path / name).write_bytes(b"12345")
        os.utime(path / name, (0, TIMES[0]))
    (path / ".env").write_bytes(b"SECRET")
    if ON_WINDOWS:
        shutil.copyfile(path / "a.txt", path / "in.txt")
        return path
    (path / "in.txt").symlink_to("a.txt")
    (path / "out.txt").symlink_to(outside / "secret.txt")
    (path / "outdir").symlink_to(outside)
    return path


@settings(RELAXED, max_examples=examples(1500))
@given(
    path=PATHS,
    method=METHODS,
    script_name=SCRIPT_NAMES,
    query=QUERIES,
    headers=st.dictionaries(st.sampled_from(NAMES), ANY_VALUE, max_size=5),
    alone=st.booleans(),
)
def test_every_environ_gets_a_clean_response(
    tree: Path, path: str, method: str, script_name: str, query: str, headers: Headers, alone: bool
) -> None:
    """No exception, a known status, clean fields, no bytes from outside, no file-system path."""
    seen: list[dict[str, Any]] = []

    def wrapped(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(dict(environ))
        start("299 Wrapped", [("Content-Length", "0")])
        return [b""]

    app = StaticFiles(None if alone else wrapped, tree, prefix="/s/")
    environ = make_environ(
        "/", method, headers, PATH_INFO=path, SCRIPT_NAME=script_name, QUERY_STRING=query
    )
    before = dict(environ)
    answer = call_strictly(app, environ)
    event(str(answer.status))
    if answer.status == 299:
        assert seen == [before]
        assert path not in FILES or method not in ("GET", "HEAD")
        return
    assert not seen
    check_framing(answer, method)
    assert b"SECRET" not in answer.body
    assert str(tree) not in repr(answer.headers) + answer.body.decode("latin-1")
    assert str(tree.parent) not in repr(answer.headers) + answer.body.decode("latin-1")
    location = answer.fields.get("location")
    assert (answer.status == 301) == (location is not None)
    if location is not None:
        assert path == "/s/dir"
        assert location.partition("?")[0] == "dir/"
    elif method not in ("GET", "HEAD"):
        assert alone
        assert answer.status == (405 if path in FILES else 404) or path in ("/s/dir", "/s/dir/")
        assert answer.status != 405 or answer.fields["allow"] == "GET, HEAD"
    elif path in FILES:
        assert answer.status in {200, 206, 304, 412, 416}
    else:
        assert answer.status == 404
