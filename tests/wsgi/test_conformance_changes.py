"""Files that change: validators (RFC 9110 8.8) and ranges."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.client import make_environ
from tests.oracle import boundary_of, call_strictly, date_forms, fetch, parse_date, parse_multipart
from wsgistatic import StaticFiles

OLD = 1_700_000_000


def test_the_next_response_after_a_change_has_the_new_version(tmp_path: Path) -> None:
    path, app = tmp_path / "live.txt", StaticFiles(None, tmp_path)
    tags = set()
    for n, content in enumerate([b"one", b"three", b"later", b""]):
        path.write_bytes(content)
        os.utime(path, (0, OLD + n))
        answer = fetch(app, "/live.txt")
        assert (answer.status, answer.body) == (200, content)
        assert answer.fields["last-modified"] == date_forms(OLD + n)[0]
        tags.add(answer.fields["etag"])
    assert len(tags) == 4
    path.unlink()
    assert fetch(app, "/live.txt").status == 404


def test_validators_of_a_file_that_has_just_changed_are_weak(tmp_path: Path) -> None:
    """8.8.1, 8.8.2.2: a strong validator must change with every change of the file."""
    path, app = tmp_path / "now.txt", StaticFiles(None, tmp_path)
    for _ in range(50):
        path.write_bytes(b"12345")
        before = time.time_ns()
        os.utime(path, ns=(before, before))
        fields = fetch(app, "/now.txt").fields
        if time.time_ns() - before < 10_000_000:
            assert fields["etag"].startswith('W/"')
        if fields["etag"].startswith("W/"):
            sent = {"Range": "bytes=0-1", "If-Range": fields["etag"]}
            assert fetch(app, "/now.txt", headers=sent).status == 200
            assert fetch(app, "/now.txt", headers={"If-Match": fields["etag"]}).status == 412
    os.utime(path, (0, time.time() + 86_400))  # 8.8.2.1: the date is never later than now
    date = fetch(app, "/now.txt").fields["last-modified"]
    assert (parse_date(date) or 2**40) <= time.time()
    assert fetch(app, "/now.txt", headers={"Range": "bytes=0-1", "If-Range": date}).status == 200


@pytest.mark.parametrize(
    "value", ["0-", "0-0", "5-6", "0-0,2-2", "3-4,0-1", "0-,2-3", "-1,0-1,4-5"]
)
def test_ranges_of_a_file_that_has_just_been_written(tmp_path: Path, value: str) -> None:
    """The file does not change while it is sent, so every part must be complete."""
    path, app = tmp_path / "now.txt", StaticFiles(None, tmp_path)
    path.write_bytes(b"0123456789")
    answer = call_strictly(app, make_environ("/now.txt", headers={"Range": f"bytes={value}"}))
    assert answer.status == 206
    contents = [answer.body]
    if "content-range" not in answer.fields:
        contents = [content for _, content in parse_multipart(answer.body, boundary_of(answer))]
    assert (
        contents
        == {
            "0-": [b"0123456789"],
            "0-0": [b"0"],
            "5-6": [b"56"],
            "0-0,2-2": [b"0", b"2"],
            "3-4,0-1": [b"34", b"01"],
            "0-,2-3": [b"0123456789"],
            "-1,0-1,4-5": [b"9", b"01", b"45"],
        }[value]
    )
