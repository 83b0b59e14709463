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
        self.disk.count()
        assert len(os.listdir("/proc/self/fd")) == before
        assert same(self.kind.ask(app), self.right)

    def judge(self, result: Result, code: int) -> None:
        """See that an answer is right, or the refusal that it should be."""
        if same(result, self.right) or self.is_less(result, code):
            assert self.caplog.records == []
        else:
            assert_refused(result, STATUSES[code], self.caplog.records, self.site)

    def judge_break(self, error: OSError, code: int) -> None:
        """See that a response which had begun broke off by the fault."""
        assert (error.errno, self.kind.is_streamed) == (code, True)
        assert [str(self.site) in line for line in self.caplog.messages] == [True]

    def is_less(self, result: Result, code: int) -> bool:
        """Tell whether an answer lacks just what a fault may take from it.

        A file that cannot be looked at is left out of the list, except for a shortage of our own;
        and a sidecar that a plain stat does not find is not there, until the next look.
        """
        if result.status != 200:
            return False
        length = int(result.headers["Content-Length"])
        if "listing" in self.name:
            return code == errno.EIO and length < int(self.right.headers["Content-Length"])
        is_own = "Content-Encoding" not in result.headers and length == len(TEXT)
        return "sidecar" in self.name and is_own


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
