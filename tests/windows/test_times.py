"""Time stamps as Windows has them; on Linux through parameters."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import OLD, age
from wsgistatic.compress.edits import is_stale_draft
from wsgistatic.files import versions
from wsgistatic.files.versions import SECOND, modified_ns, signature, time_for

NOW = 1_800_000_000 * SECOND + 123_456_789


@pytest.mark.parametrize("mtime", [OLD, 0])  # no time at all: another one has to replace it
def test_a_path_and_its_open_file_are_the_same_version(tmp_path: Path, mtime: int) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    os.utime(path, (mtime, mtime))
    with path.open("rb") as file:
        opened = os.fstat(file.fileno())
    assert signature(opened) == signature(path.stat())
    assert modified_ns(opened) == modified_ns(path.stat())


def test_replaced_file_of_the_same_size_and_time_is_another_version(tmp_path: Path) -> None:
    path, draft = tmp_path / "a.txt", tmp_path / "draft"
    for file in (path, draft):
        file.write_bytes(b"content")
        age(file)
    before = signature(path.stat())
    os.replace(draft, path)
    assert signature(path.stat()) != before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["st_ctime_ns", "st_birthtime_ns"], "st_birthtime_ns"),  # Windows, from Python 3.12 on
        (["st_ctime_ns"], "st_ctime_ns"),  # Windows before that, Linux
        (["st_ctime_ns", "st_birthtime"], "st_ctime_ns"),  # macOS, where the ctime is a change
    ],
)
def test_the_field_in_which_a_change_shows(fields: list[str], expected: str) -> None:
    status = type("stat_result", (), dict.fromkeys(fields, 0))
    assert versions._changed_field(status) == expected


@pytest.mark.parametrize("created", [NOW - 9 * SECOND, NOW // SECOND * SECOND, NOW + 9 * SECOND])
def test_a_time_of_creation_is_not_taken_for_a_clock(
    created: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive program may set any time."""
    offsets: dict[int, int] = {}
    monkeypatch.setattr(versions, "_clock_offsets", offsets)
    status: Any = SimpleNamespace(
        st_mtime_ns=NOW, st_ctime_ns=created, st_birthtime_ns=created, st_dev=1
    )
    assert time_for(status, NOW, has_change_time=False) == NOW
    assert offsets == {}


@pytest.mark.parametrize(("written_ago", "is_stale"), [(30, False), (90, True)])
def test_a_draft_that_is_still_written_to_is_not_stale(written_ago: int, is_stale: bool) -> None:
    """A large file may be compressed for longer than a killed run is waited for."""
    status: Any = SimpleNamespace(
        st_mode=0o100600, st_ctime=time.time() - 90, st_mtime=time.time() - written_ago
    )
    assert is_stale_draft(".wsgistatic-0123.tmp", status) == is_stale
