"""A full disk: serving writes nothing, and what writes leaves nothing half written."""

from __future__ import annotations

import errno
import logging
import os
import resource
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS, same
from tests.faults.limits import limited
from wsgistatic.__main__ import main

# What is compressed has to be kept.
pytestmark = pytest.mark.catalog


def files_no_longer_than(size: int) -> AbstractContextManager[None]:
    """Let no file of this process grow beyond a size; Python ignores the signal of that limit."""
    return limited(resource.RLIMIT_FSIZE, size)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_written_to_serve(
    site: Path, name: str, warm: bool, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    caplog.set_level(logging.DEBUG, "wsgistatic")
    kind = KINDS[name]
    right = kind.ask(kind.app(site))
    app = kind.app(site)
    for _ in range(2 * warm):
        kind.ask(app)
    with files_no_longer_than(0):
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            (site / "new").write_bytes(b"x")
        results = [kind.ask(app) for _ in range(3)]
    assert all(same(result, right) for result in results)
    assert caplog.records == []


def test_a_sidecar_that_finds_no_room_is_told_by_name_and_not_left(
    site: Path, capsys: pytest.CaptureFixture[str], open_descriptors: None
) -> None:
    (site / "random.txt").write_bytes(os.urandom(5000).hex().encode())
    with files_no_longer_than(1000):
        assert main(["compress", str(site), "--codings", "gzip"]) == 1
    assert capsys.readouterr().err == f"random.txt: {os.strerror(errno.EFBIG)}\n"
    assert {path.name for path in site.rglob("*.txt*")} == {
        "small.txt", "small.txt.gz", "coded.txt", "coded.txt.gz", "random.txt",
    }  # fmt: skip
    assert list(site.rglob(".wsgistatic-*")) == []
    assert main(["compress", str(site), "--codings", "gzip"]) == 0
    assert (site / "random.txt.gz").exists()


@pytest.mark.parametrize("command", [["compress", "--codings", "gzip"], ["explain"]])
@pytest.mark.parametrize("buffering", [1, -1])  # a terminal's, a file's
def test_output_that_finds_no_room_is_told_as_such(
    site: Path,
    command: list[str],
    buffering: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the directory it would be a lie."""
    asked = ["/small.txt"] if command == ["explain"] else []
    with open("/dev/full", "w", buffering=buffering) as output, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", output)
        assert main([*command, str(site), *asked]) == 1
    said = capsys.readouterr().err
    assert said == f"wsgistatic: standard output: {os.strerror(errno.ENOSPC)}\n"
