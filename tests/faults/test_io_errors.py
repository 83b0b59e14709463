"""Make each system call of a request fail in turn, either that call only or all calls from it on.

The response must be the same as without the fault, or have the status of the fault. If the body has
started, the response must break off, which a client notices by its length. The log gets one line,
no file stays open, and the next request succeeds.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from tests.client import Response
from tests.faults.cases import (
    CASES,
    TEXT,
    Case,
    assert_error_response,
    disable_check_interval,
    is_equivalent,
)
from tests.faults.disk import FaultyDisk
from wsgistatic import StaticFiles
from wsgistatic.files.folders import Folders
from wsgistatic.http.codings import CODINGS
from wsgistatic.representations import sidecars

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [
    pytest.mark.system_calls,
    pytest.mark.live,
    pytest.mark.memory_cache,
    pytest.mark.usefixtures("way"),
]

STATUSES = {errno.EIO: 500, errno.ENFILE: 503, errno.ESTALE: 503}


class FaultInjector:
    """Repeats a request with a fault in a different system call each time."""

    def __init__(
        self, name: str, site: Path, warm: bool,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        self.name, self.site, self.warm, self.caplog = name, site, warm, caplog
        self.monkeypatch, self.disk = monkeypatch, FaultyDisk(monkeypatch)
        disk = self.disk
        self.case: Case = CASES[name]
        self.expected = self.case.send(self.case.app(site))
        assert self.expected.status == self.case.status
        app = self.app()
        disk.reset()
        assert is_equivalent(self.case.send(app), self.expected)
        self.calls = disk.calls

    def app(self) -> StaticFiles:
        # The same calls each time: nothing is learned about the folder.
        self.monkeypatch.setattr(sidecars, "_FOLDERS", Folders([]))
        app = self.case.app(self.site)
        for _ in range(2 * self.warm):
            assert is_equivalent(self.case.send(app), self.expected)
        return app

    def run(self, call: int, code: int, *, once: bool) -> None:
        """Send the request while one call fails, or all calls from that one on."""
        app = self.app()
        before = len(os.listdir("/proc/self/fd"))
        self.caplog.clear()
        (self.disk.fail_once if once else self.disk.fail_from)(call, code)
        try:
            result = self.case.send(app)
        except OSError as error:
            self.check_broken_response(error, code)
        else:
            self.check_response(result, code)
        assert len(self.sidecar_records()) <= 1
        self.disk.reset()
        assert len(os.listdir("/proc/self/fd")) == before
        assert is_equivalent(self.case.send(app), self.expected)

    def check_response(self, result: Response, code: int) -> None:
        """Check that a response is the expected one, or the error response of the fault.

        A sidecar whose stat fails is logged separately, whether or not the sidecar exists.
        """
        if self.is_file_itself(result):
            assert self.sidecar_records() == self.caplog.records != []
        elif is_equivalent(result, self.expected):
            assert self.sidecar_records() == self.caplog.records
        elif self.is_incomplete_listing(result, code):
            assert self.caplog.records == []
        else:
            others = [line for line in self.caplog.records if line not in self.sidecar_records()]
            assert_error_response(result, STATUSES[code], others, self.site)

    def check_broken_response(self, error: OSError, code: int) -> None:
        """Check that the fault broke off a response whose body had started."""
        assert (error.errno, self.case.is_streamed) == (code, True)
        others = [line for line in self.caplog.records if line not in self.sidecar_records()]
        assert [str(self.site) in line.getMessage() for line in others] == [True]

    def is_file_itself(self, result: Response) -> bool:
        """Return whether the file itself was sent because its sidecar is inaccessible."""
        is_whole = result.headers.get("Content-Length") == str(len(TEXT))
        return "sidecar" in self.name and result.status == 200 and is_whole

    def is_incomplete_listing(self, result: Response, code: int) -> bool:
        """Return whether a listing leaves out a file, which only a permanent error allows."""
        if "listing" not in self.name or result.status != 200 or code != errno.EIO:
            return False
        return int(result.headers["Content-Length"]) < int(self.expected.headers["Content-Length"])

    def sidecar_records(self) -> list[logging.LogRecord]:
        ends = [f"{coding.suffix}': " for coding in CODINGS.values()]
        return [
            line for line in self.caplog.records if any(end in line.getMessage() for end in ends)
        ]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_fault_in_each_system_call(
    site: Path, name: str, warm: bool, tries: int,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    disable_check_interval(monkeypatch)
    caplog.set_level(logging.DEBUG, "wsgistatic")
    codes = [*STATUSES]
    injector = FaultInjector(name, site, warm, monkeypatch, caplog)
    assert injector.calls
    for call in range(injector.calls):
        # With few tries, the calls take turns with the errors.
        for code in codes if tries >= 2000 else codes[call % 3 :][:1]:
            for once in (True, False):
                injector.run(call, code, once=once)
