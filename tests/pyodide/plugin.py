"""Skips a test on pyodide once it uses what that platform does not have.

Any other failure remains a failure. The summary counts the skipped tests for each reason.

Files there have times in milliseconds. In one of 1,000 cases, that is a whole second, after which a
file counts as recent for two seconds. So no test starts shortly before a second ends.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

_MISSING = {
    "processes": "emscripten does not support processes",
    "threads": "can't start new thread",
    "dir_fd": "dir_fd unavailable on this platform",
    "other users": "module 'os' has no attribute 'geteuid'",
    "time zones": "module 'time' has no attribute 'tzset'",
    "resource": "No module named 'resource'",
    "Brotli": "No module named 'brotli'",
    "zstandard": "No module named 'zstandard'",
}


def _reason(error: BaseException | None) -> str | None:
    """Return what was missing, if an error or its cause says so."""
    while error is not None:
        for reason, message in _MISSING.items():
            if message in str(error):
                return reason
        error = error.__cause__ or error.__context__
    return None


def pytest_runtest_setup() -> None:
    passed = time.time() % 1
    if passed > 0.9:
        time.sleep(1.002 - passed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: Any) -> Generator[None, Any, Any]:
    report = yield
    reason = _reason(call.excinfo.value) if call.excinfo and report.failed else None
    if reason is not None:
        report.outcome, report.longrepr = "skipped", ("", 0, f"pyodide has no {reason}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: Any) -> Generator[None, Any, Any]:
    report = yield
    reason = _reason(report.call.excinfo.value) if report.failed else None
    if reason is not None:
        report.outcome, report.longrepr = (
            "skipped",
            ("", 0, f"pyodide has no {reason}, module"),
        )
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    for reason, count in skipped.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")
