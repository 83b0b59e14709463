"""No permission, for real: a user who may not read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS, TEXT, assert_refused, look_at_once, make_site, same

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

# What a path is about, where it is not the file of that name.
BEHIND = {"link.bin": "deep/er/large.bin", "indexed": "indexed/index.html"}


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Take all rights from a path until the block ends; changed by who owns it."""
    mode, user = path.stat().st_mode, os.geteuid()
    for bits in (0, mode):
        os.seteuid(os.getuid())
        path.chmod(bits & 0o777)
        os.seteuid(user)
        if not bits:
            yield


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", KINDS)
def test_403_until_the_file_may_be_read(
    public_directory: Path, name: str, warm: bool, ordinary_user: None,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    look_at_once(monkeypatch)
    caplog.set_level(logging.DEBUG, "wsgistatic")
    user, kind = os.geteuid(), KINDS[name]
    os.seteuid(os.getuid())
    make_site(public_directory)
    os.seteuid(user)
    app = kind.app(public_directory)
    for _ in range(2 * warm):
        kind.ask(app)
    path = BEHIND.get(kind.path.strip("/"), kind.path.strip("/"))
    with closed(public_directory / path):
        assert_refused(kind.ask(app), 403, caplog.records, public_directory)
    caplog.clear()
    assert same(kind.ask(app), kind.ask(kind.app(public_directory)))
    assert caplog.records == []


def test_a_sidecar_that_may_not_be_read_is_as_good_as_none(
    public_directory: Path, ordinary_user: None, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    look_at_once(monkeypatch)
    user, kind = os.geteuid(), KINDS["sidecar"]
    os.seteuid(os.getuid())
    make_site(public_directory)
    os.seteuid(user)
    app = kind.app(public_directory)
    right = kind.ask(app)
    assert right.headers["Content-Encoding"] == "gzip"
    with closed(public_directory / "deep/er/coded.txt.gz"):
        assert kind.ask(app).body == TEXT
        assert kind.ask(app).body == TEXT
    assert same(kind.ask(app), right)
    assert caplog.records == []
