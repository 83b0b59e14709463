"""Fuzzing targets: functions that take bytes, and raise an exception on a wrong result.

Each compares a function with an independent implementation of the RFC (``tests.oracle``), or checks
properties that every result must have.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.client import make_environ
from tests.oracle import (
    File,
    call_strictly,
    check_framing,
    check_response,
    expected_ranges,
    measure_multipart,
    precondition_status,
)
from wsgistatic import StaticFiles
from wsgistatic.http.conditional import Preconditions, Validators, evaluate_preconditions
from wsgistatic.http.fields import wants_sha256
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, preference_for, select_coding
from wsgistatic.http.paths import relative_location, split_path
from wsgistatic.http.ranges import get_ranges, merge_ranges

ETAG = '"17979cfe362a0000-3e8"'
FILES = ("a", "b.txt", "d/x.js")
CONTENT = bytes(range(250)) * 4
MODIFIED = 1_700_000_000
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*(?:{_TAG}(?:[ \t]*,[ \t,]*|\Z))*")


def ranges(data: bytes) -> None:
    size = int.from_bytes(data[:2], "big") * (data[2:3] != b"\0")
    header = data[2:].decode("latin-1")
    for value in (header, "bytes=" + header):
        found = get_ranges(value, size)
        assert found == expected_ranges(value.strip(" \t"), size), (value, size)
        if found:
            merged = merge_ranges(found)
            assert all(0 <= start < stop <= size for start, stop in merged)
            assert sum(stop - start for start, stop in merged) <= size


def preconditions(data: bytes) -> None:
    fields = (data.decode("latin-1").split("\n") + [""] * 4)[:4]
    names = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
    given = {name: value.strip(" \t") for name, value in zip(names, fields, strict=True) if value}
    values = Preconditions(*(given.get(name) for name in names))
    for etag in (ETAG, f"W/{ETAG}"):
        status = evaluate_preconditions(values, Validators(etag, 1_700_000_000, True), time.time())
        assert status in (200, 304, 412)
        # The RFC does not define the meaning of a malformed list.
        lists = [given.get(name, "*") for name in ("If-Match", "If-None-Match")]
        if all(value == "*" or TAGS.fullmatch(value) for value in lists):
            assert status == precondition_status(File(b"", 1_700_000_000, etag), given), given


def codings(data: bytes) -> None:
    field = data.decode("latin-1")
    preferences = acceptable_codings(field)
    available = [("zstd", 3), ("br", 2), ("gzip", 4), (IDENTITY, 9)]
    chosen = select_coding(preferences, available)
    assert chosen is not None
    if chosen != IDENTITY:
        # A coding is sent only if the field names it or has a "*".
        assert preferences.quality(chosen) > 0
        assert chosen in field.lower() or "*" in field
    named = re.findall(rf"(?:^|,)[ \t]*{chosen}[ \t]*;[ \t]*[qQ]=0(?:\.0*)?[ \t]*(?=,|$)", field)
    assert not named or chosen == IDENTITY


def accept(data: bytes) -> None:
    field = data.decode("latin-1")
    preference = preference_for(field, "text/html")
    assert 0 <= preference.quality <= 1
    assert preference.precision < 2 or "text/html" in field.lower()


def digests(data: bytes) -> None:
    field = data.decode("latin-1")
    assert wants_sha256(field) in (True, False)
    if wants_sha256(field):
        assert "sha-256=" in field


def paths(data: bytes) -> None:
    path = "/" + data.decode("latin-1")
    for windows in (False, True):
        for dotfiles in (False, True):
            split = split_path(path, dotfiles=dotfiles, windows=windows)
            if split is None:
                continue
            rest = "/".join(["", *split.segments, *[""] * split.is_directory])
            raw = rest.encode("utf-8") if windows else os.fsencode(rest)
            assert raw == path.encode("latin-1")
            assert not {"", ".", ".."} & set(split.segments)
            assert not any("\0" in name or "/" in name for name in split.segments)
            assert not (windows and any(set(name) & set('\\:*?"<>|') for name in split.segments))
            assert dotfiles or all(
                name[0] != "." or name == ".well-known" for name in split.segments
            )
    location = relative_location(path.rpartition("/")[2], "", end="/")
    assert re.fullmatch(r"\./|(?:\./)?[!-.0-~]+/", location), location
    assert ":" not in location or location.startswith("./")
    assert "\\" not in location


def requests(data: bytes) -> None:
    names = ("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
             "If-Unmodified-Since", "Accept-Encoding", "Accept", "Want-Repr-Digest")  # fmt: skip
    text = data.decode("latin-1")
    method = {"H": "HEAD", "P": "POST"}.get(text[:1], "GET")
    path, *values = text[1:].split("\n")
    headers = {name: value for name, value in zip(names, values, strict=False) if value}
    warm, cold, compressing = apps()
    responses = [
        call_strictly(app, make_environ("/", method, headers, PATH_INFO="/" + path))
        for app in (warm, cold, warm, warm, compressing, compressing)
    ]
    for number, response in enumerate(responses):
        check_framing(response, method)
        assert b"canary" not in response.body
        assert response.status in (200, 206, 301, 304, 404, 405, 412, 416)
        first_response = responses[4 if number > 3 else 0]
        assert response.status == first_response.status
        assert len(response.body) == len(first_response.body)
    lists = [headers.get(name, "*").strip(" \t") for name in ("If-Match", "If-None-Match")]
    if (
        path in FILES
        and method != "POST"
        and not headers.keys() & {"Accept-Encoding", "Want-Repr-Digest"}
        and all(value == "*" or TAGS.fullmatch(value) for value in lists)
    ):
        plain = call_strictly(cold, make_environ("/", PATH_INFO="/" + path))
        file = File(CONTENT, MODIFIED, plain.fields["etag"])
        for response in responses[:4]:
            check_response(response, plain, file, method, headers)


@cache
def apps() -> tuple[StaticFiles, StaticFiles, StaticFiles]:
    """Return an app with a cache, one without a cache, and one that compresses."""
    top = Path(tempfile.mkdtemp())
    root = top / "root"
    (root / "d").mkdir(parents=True)
    (top / "secret").write_bytes(b"canary")
    (root / ".env").write_bytes(b"canary")
    (root / "out").symlink_to("../secret")
    for name in (*FILES, "b.txt.gz", "d/index.html"):
        (root / name).write_bytes(CONTENT)
        os.utime(root / name, (MODIFIED, MODIFIED))
    time.sleep(0.05)  # until the files are old enough to be cached
    warm = StaticFiles(None, root, listing=True, clean_urls=True, etag="content")
    measure_multipart(warm, "/a", len(CONTENT))
    return (
        warm,
        StaticFiles(None, root, listing=True, clean_urls=True, etag="content", cache_size=0),
        StaticFiles(None, root, listing=True, clean_urls=True, compress=True, cache_size=10**7),
    )


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "ranges": (ranges, (b"\x03\xe80-499,-5, 7-", b"\x00\x00-1", b"\x03\xe89-1", b"\x03\xe8,,0-0")),
    "preconditions": (
        preconditions,
        (b'"a", W/"b"\n\n*\n', b"\nSun, 06 Nov 1994 08:49:37 GMT\n\nSunday, 06-Nov-94 08:49:37 GMT",
         ETAG.encode() + b"\n\nW/" + ETAG.encode() + b"\nSun Nov  6 08:49:37 1994",
         ETAG.encode() + b"\n\n\nSunday, 06-Nov-32 08:49:60 GMT"),
    ),
    "codings": (codings, (b"gzip;q=0.5, br, *;q=0", b"identity;q=0, x-gzip", b"zstd ; q=1.000")),
    "accept": (accept, (b"text/html, */*;q=0.8", b"text/*;level=1;q=0.1")),
    "digests": (digests, (b"sha-256=1, sha-512=3;a", b"sha-256=10", b"sha-256=0")),
    "paths": (paths, (b"a/b", b"..", b"%2e/\\x", b"NUL.txt", b"GIT~1/", b".well-known/x")),
    "requests": (
        requests,
        (b"Ga", b"Ga\nbytes=0-1", b"Gb.txt\nbytes=-7", b"Gb.txt\n\n\n*\n*\n\n\ngzip", b"Gd",
         b"Hd/\n\n\n\n\n\n\n\ntext/html", b"G../secret", b"Pout",
         b"Gd/x.js\nbytes=0-0,5-\n\n\n\n\n\nbr\n\nsha-256=3",
         b"Ga\nbytes=0-1,5-7\nTue, 14 Nov 2023 22:13:20 GMT",
         b"Hb.txt\n\n\n\n\nTue, 14 Nov 2023 22:13:20 GMT\nSun, 06 Nov 1994 08:49:37 GMT"),
    ),
}  # fmt: skip
