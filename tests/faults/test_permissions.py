"""Files that the user of the process may not read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import settle
from tests.faults.cases import (
    CASES,
    TEXT,
    assert_error_response,
    disable_check_interval,
    is_equivalent,
    make_site,
)

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache, pytest.mark.usefixtures("way")]

# The file behind a URL path, where its name differs from the path.
FILES = {"link.bin": "deep/er/large.bin", "indexed": "indexed/index.html"}


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Remove all permissions of a path until the block ends, as the owner of the path."""
    mode, user = path.stat().st_mode, os.geteuid()
    for bits in (0, mode):
        os.seteuid(os.getuid())
        path.chmod(bits & 0o777)
        os.seteuid(user)
        if not bits:
            yield


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_403_until_the_file_is_readable(
    public_directory: Path, name: str, warm: bool, ordinary_user: None,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    disable_check_interval(monkeypatch)
    caplog.set_level(logging.DEBUG, "wsgistatic")
    user, case = os.geteuid(), CASES[name]
    os.seteuid(os.getuid())
    make_site(public_directory)
    os.seteuid(user)
    app = case.app(public_directory)
    for _ in range(2 * warm):
        case.send(app)
    path = FILES.get(case.path.strip("/"), case.path.strip("/"))
    with closed(public_directory / path):
        assert_error_response(case.send(app), 403, caplog.records, public_directory)
    caplog.clear()
    settle()  # a file that has just changed is not compressed
    assert is_equivalent(case.send(app), case.send(case.app(public_directory)))
    assert caplog.records == []


def test_unreadable_sidecar_is_ignored(
    public_directory: Path, ordinary_user: None, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    disable_check_interval(monkeypatch)
    user, case = os.geteuid(), CASES["sidecar"]
    os.seteuid(os.getuid())
    make_site(public_directory)
    os.seteuid(user)
    app = case.app(public_directory)
    expected = case.send(app)
    assert expected.headers["Content-Encoding"] == "gzip"
    with closed(public_directory / "deep/er/coded.txt.gz"):
        assert case.send(app).body == TEXT
        assert case.send(app).body == TEXT
    assert is_equivalent(case.send(app), expected)
    assert caplog.records == []
