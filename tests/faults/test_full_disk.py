"""A full disk: serving files writes nothing, and commands leave no partial files."""

from __future__ import annotations

import errno
import logging
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.cases import CASES, is_equivalent
from tests.faults.resource_limits import resource_limit
from wsgistatic.__main__ import main

if sys.platform != "win32":
    import resource

# Compression needs the memory cache.
pytestmark = [pytest.mark.memory_cache, pytest.mark.disk]


def file_size_limit(size: int) -> AbstractContextManager[None]:
    """Limit the size of files that this process writes. Python ignores the limit's signal."""
    return resource_limit(resource.RLIMIT_FSIZE, size)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_serving_writes_no_files(
    site: Path, name: str, warm: bool, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    caplog.set_level(logging.DEBUG, "wsgistatic")
    case = CASES[name]
    expected = case.send(case.app(site))
    app = case.app(site)
    for _ in range(2 * warm):
        case.send(app)
    with file_size_limit(0):
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            (site / "new").write_bytes(b"x")
        results = [case.send(app) for _ in range(3)]
    assert all(is_equivalent(result, expected) for result in results)
    assert caplog.records == []


def test_compress_reports_a_sidecar_that_does_not_fit(
    site: Path, capsys: pytest.CaptureFixture[str], open_descriptors: None
) -> None:
    (site / "random.txt").write_bytes(os.urandom(5000).hex().encode())
    with file_size_limit(1000):
        assert main(["compress", str(site), "--codings", "gzip"]) == 1
    assert capsys.readouterr().err == f"random.txt: {os.strerror(errno.EFBIG)}\n"
    assert {path.name for path in site.rglob("*.txt*")} == {
        "small.txt", "small.txt.gz", "coded.txt", "coded.txt.gz", "random.txt",
    }  # fmt: skip
    assert list(site.rglob(".wsgistatic-*")) == []
    assert main(["compress", str(site), "--codings", "gzip"]) == 0
    assert (site / "random.txt.gz").exists()


@pytest.mark.parametrize("command", [["compress", "--codings", "gzip"], ["explain"]])
@pytest.mark.parametrize("buffering", [1, -1])  # as for a terminal, as for a file
def test_commands_report_that_their_output_does_not_fit(
    site: Path,
    command: list[str],
    buffering: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error must not be attributed to the served directory."""
    arguments = ["/small.txt"] if command == ["explain"] else []
    with open("/dev/full", "w", buffering=buffering) as output, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", output)
        assert main([*command, str(site), *arguments]) == 1
    message = f"wsgistatic: standard output: {os.strerror(errno.ENOSPC)}\n"
    assert capsys.readouterr().err == message
