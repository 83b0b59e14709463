"""Files that change: validators (RFC 9110 8.8) and ranges."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import make_environ
from tests.oracle import WSGIApp, boundary_of, call_strictly, date_forms, fetch, parse_multipart
from wsgistatic import FileApp, StaticFiles

OLD = 1_700_000_000


@pytest.mark.live
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


@pytest.mark.live
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
            assert "last-modified" not in fields
    os.utime(path, (0, time.time() + 86_400))  # 8.8.2.1: the date is never later than now
    assert "last-modified" not in fetch(app, "/now.txt").fields
    for name in ("If-Range", "If-Unmodified-Since"):
        sent = {"Range": "bytes=0-1", name: date_forms(int(time.time()))[0]}
        assert fetch(app, "/now.txt", headers=sent).status == 200


@pytest.mark.live
@pytest.mark.parametrize("etag", ["stat", "content", None])
def test_no_validator_of_a_version_fits_one_with_the_same_time(tmp_path: Path, etag: Any) -> None:
    """A file is changed again before its time stamp can show it, here for two seconds."""
    path = tmp_path / "now.bin"
    apps: list[WSGIApp] = [StaticFiles(None, tmp_path, etag=etag), FileApp(path, etag=etag)]
    time.sleep(1 - time.time() % 1)  # so that two seconds are left
    second = int(time.time())

    def write(content: bytes) -> list[dict[str, str]]:
        path.write_bytes(content)
        os.utime(path, (second, second))
        return [fetch(app, "/now.bin").fields for app in apps]

    held = write(b"12345")
    write(b"abcde")
    assert etag is None or all(fields["etag"].startswith('W/"') for fields in held)
    for settled in (False, True):
        for app, fields in zip(apps, held, strict=True):
            tag, part = fields.get("etag", '""'), {"Range": "bytes=1-2"}
            date = fields.get("last-modified", date_forms(second)[0])
            for sent, status in (
                ({"If-None-Match": tag}, 200),
                ({"If-Match": tag}, 412),
                ({**part, "If-Range": tag}, 200),
                *([] if settled else [({"If-Modified-Since": date}, 200)]),
                *([] if settled else [({**part, "If-Range": date}, 200)]),
                *([] if settled else [({**part, "If-Unmodified-Since": date}, 200)]),
            ):
                answer = call_strictly(app, make_environ("/now.bin", headers=sent))
                assert (answer.status, answer.body) == (status, b"abcde" if status == 200 else b"")
        assert settled or not any("last-modified" in fields for fields in held)
        time.sleep(max(0.0, second + 2.1 - time.time()))


@pytest.mark.live
@pytest.mark.change_times
@pytest.mark.parametrize("later", [False, True])
def test_dates_are_no_validators_if_the_content_is(tmp_path: Path, later: bool) -> None:
    """Two releases with the same mtimes: a client with a date gets the new one, and all of it."""
    path, app = tmp_path / "app.js", StaticFiles(None, tmp_path, etag="content")
    date = date_forms(OLD + 1000 * later)[0]
    for content in (b"first release", b"other release"):
        path.write_bytes(content)
        os.utime(path, (OLD, OLD))
        for sent in (
            {"If-Modified-Since": date},
            {"Range": "bytes=6-", "If-Range": date},
            {"Range": "bytes=6-", "If-Unmodified-Since": date},
        ):
            answer = fetch(app, "/app.js", headers=sent)
            assert (answer.status, answer.body) == (200, content)
            assert "last-modified" not in answer.fields
        tag = fetch(app, "/app.js").fields["etag"]
        ranged = {"Range": "bytes=6-", "If-Match": tag, "If-Unmodified-Since": date}
        assert fetch(app, "/app.js", headers=ranged).body == content[6:]


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
