"""How many modules a request passes through."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import wsgistatic
from tests.client import call_raw, make_environ
from tests.conftest import age, settle
from wsgistatic import StaticFiles

PACKAGE = os.path.dirname(wsgistatic.__file__) + os.sep
MOST = 12


class CallRecorder:
    """Records which module of the package calls which other one."""

    def __init__(self) -> None:
        self.called: dict[str, set[str]] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_back is not None:
            caller, called = module_of(frame.f_back), module_of(frame)
            if caller and called and caller != called:
                self.called.setdefault(caller, set()).add(called)


def module_of(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename
    return path[len(PACKAGE) :] if path.startswith(PACKAGE) else None


@pytest.mark.system_calls
@pytest.mark.usefixtures("way")
def test_a_range_of_a_large_new_file_is_handed_on_by_few_modules(tmp_path: Path) -> None:
    """A module that only returns something to its caller does not count: it is easy to follow."""
    for name, size in (("first.txt", 1), ("large.bin", 5_000_000)):
        (tmp_path / name).write_bytes(bytes(size))
        age(tmp_path / name)
    settle()
    app = StaticFiles(None, tmp_path)
    call_raw(app, make_environ("/first.txt"))  # what happens once is not part of a request
    recorder = CallRecorder()
    environ = make_environ("/large.bin", HTTP_RANGE="bytes=5-1000000", HTTP_ACCEPT_ENCODING="gzip")
    sys.setprofile(recorder)
    try:
        response = call_raw(app, environ)
    finally:
        sys.setprofile(None)
    assert (response.status, len(response.body)) == (206, 999_996)
    lines = [
        f"{module} calls {', '.join(sorted(called))}"
        for module, called in sorted(recorder.called.items())
    ]
    assert len(lines) <= MOST, "\n".join([f"{len(lines)} modules hand the request on:", *lines])
