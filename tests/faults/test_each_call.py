"""Every look at the disk and every read fails in its turn, once or from then on.

Either the answer is what it is without the fault, or it is the fault's status; or, once it has
begun, it breaks off, which a client sees by its length. The log has one line, no file stays
open, and the next request gets what it should.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from tests.calling import Result
from tests.faults.disk import Disk
from tests.faults.kinds import KINDS, TEXT, Kind, assert_refused, look_at_once, same
from wsgistatic import StaticFiles
from wsgistatic.http.codings import CODINGS

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

STATUSES = {errno.EIO: 500, errno.ENFILE: 503, errno.ESTALE: 503}


class Trial:
    """One kind of request, again and again, with a fault in another place each time."""

    def __init__(
        self, name: str, site: Path, disk: Disk, warm: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.name, self.site, self.disk, self.warm, self.caplog = name, site, disk, warm, caplog
        self.kind: Kind = KINDS[name]
        self.right = self.kind.ask(self.kind.app(site))
        assert self.right.status == self.kind.status
        app = self.app()
        disk.count()
        assert same(self.kind.ask(app), self.right)
        self.calls = disk.calls

    def app(self) -> StaticFiles:
        app = self.kind.app(self.site)
        for _ in range(2 * self.warm):
            assert same(self.kind.ask(app), self.right)
        return app

    def run(self, call: int, code: int, *, once: bool) -> None:
        """Let one call fail, or all from there on."""
        app = self.app()
        before = len(os.listdir("/proc/self/fd"))
        self.caplog.clear()
        (self.disk.fail_once if once else self.disk.fail_from)(call, code)
        try:
            result = self.kind.ask(app)
        except OSError as error:
            self.judge_break(error, code)
        else:
            self.judge(result, code)
        assert len(self.lines_of_sidecars()) <= 1
        self.disk.count()
        assert len(os.listdir("/proc/self/fd")) == before
        assert same(self.kind.ask(app), self.right)

    def judge(self, result: Result, code: int) -> None:
        """See that an answer is right, or the refusal that it should be.

        A look at a sidecar that fails is told of by itself, whether or not there is one.
        """
        if self.is_own(result):
            assert self.lines_of_sidecars() == self.caplog.records != []
        elif same(result, self.right):
            assert self.lines_of_sidecars() == self.caplog.records
        elif self.is_shorter_list(result, code):
            assert self.caplog.records == []
        else:
            others = [line for line in self.caplog.records if line not in self.lines_of_sidecars()]
            assert_refused(result, STATUSES[code], others, self.site)

    def judge_break(self, error: OSError, code: int) -> None:
        """See that a response which had begun broke off by the fault."""
        assert (error.errno, self.kind.is_streamed) == (code, True)
        others = [line for line in self.caplog.records if line not in self.lines_of_sidecars()]
        assert [str(self.site) in line.getMessage() for line in others] == [True]

    def is_own(self, result: Result) -> bool:
        """Tell whether the file itself is sent, since its sidecar cannot be looked at."""
        is_whole = result.headers.get("Content-Length") == str(len(TEXT))
        return "sidecar" in self.name and result.status == 200 and is_whole

    def is_shorter_list(self, result: Result, code: int) -> bool:
        """Tell whether a file that cannot be looked at is left out; not so for a shortage."""
        if "listing" not in self.name or result.status != 200 or code != errno.EIO:
            return False
        return int(result.headers["Content-Length"]) < int(self.right.headers["Content-Length"])

    def lines_of_sidecars(self) -> list[logging.LogRecord]:
        ends = [f"{coding.suffix}': " for coding in CODINGS.values()]
        return [
            line for line in self.caplog.records if any(end in line.getMessage() for end in ends)
        ]


@pytest.mark.parametrize("code", STATUSES, ids=errno.errorcode.get)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", KINDS)
def test_a_fault_in_each_place(
    site: Path, name: str, warm: bool, code: int,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    look_at_once(monkeypatch)
    caplog.set_level(logging.DEBUG, "wsgistatic")
    trial = Trial(name, site, Disk(monkeypatch), warm, caplog)
    assert trial.calls
    for call in range(trial.calls):
        for once in (True, False):
            trial.run(call, code, once=once)
