"""Sidecars whose stat fails: the file itself is sent until the fault is over."""

from __future__ import annotations

import errno
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cases import CASES, TEXT, is_equivalent

pytestmark = [pytest.mark.live, pytest.mark.memory_cache]

LINES = {errno.EIO: 1, errno.ESTALE: 1, errno.EACCES: 0}


class Clock:
    """The monotonic clock plus an offset in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        for module in (
            "representations.cache",
            "representations.cached_file",
            "wsgi.middleware",
            "wsgi.responder",
        ):
            monkeypatch.setattr(f"wsgistatic.{module}.monotonic", self)

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.mark.parametrize("code", LINES, ids=errno.errorcode.get)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", ["sidecar", "sidecar, HEAD"])
def test_file_itself_is_sent_until_the_fault_is_over(
    site: Path, name: str, warm: bool, code: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "wsgistatic")
    clock, stat, case = Clock(monkeypatch), os.stat, CASES[name]
    app = case.app(site)
    expected = case.send(case.app(site))
    assert expected.headers["Content-Encoding"] == "gzip"
    for _ in range(2 * warm):
        assert is_equivalent(case.send(app), expected)

    def failing(path: Any, *arguments: Any, **keywords: Any) -> os.stat_result:
        if str(path).endswith(".gz"):
            raise OSError(code, os.strerror(code))
        return stat(path, *arguments, **keywords)

    with monkeypatch.context() as broken:
        broken.setattr(os, "stat", failing)
        for _ in range(10):
            result = case.send(app)
            clock.ahead += 0.4
            assert result.status == 200
            assert result.headers["Content-Length"] == str(len(TEXT))
            assert "Content-Encoding" not in result.headers
    clock.ahead += 1.0
    assert is_equivalent(case.send(app), expected)
    path = site / "deep/er/coded.txt.gz"
    assert caplog.messages == [f"{str(path)!r}: {os.strerror(code)}"] * LINES[code]
