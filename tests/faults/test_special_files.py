"""A file that is known, and is something else by the next request, which opens it to read."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calling import Result, call_bare, environ_of
from tests.conftest import settle
from tests.faults.kinds import BLOCK, BYTES
from wsgistatic import StaticFiles

pytestmark = [pytest.mark.live, pytest.mark.catalog]

Change = Callable[[Path], None]


def ask_in_time(app: StaticFiles, fifo: Path, method: str, fields: dict[str, str]) -> Result:
    """Ask; where that waits for somebody to write to the FIFO, fail."""
    results: list[Result] = []
    environ = environ_of("/deep/er/large.bin", method, **fields)
    thread = threading.Thread(target=lambda: results.append(call_bare(app, environ)))
    thread.start()
    thread.join(20)
    waits = thread.is_alive()
    if waits:
        os.close(os.open(fifo, os.O_WRONLY))  # lets it go on
    thread.join()
    assert not waits
    return results[0]


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("become", [os.mkfifo, Path.mkdir, link_to_a_device])
@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"HTTP_RANGE": "bytes=10-19"}),
        ("GET", {"HTTP_RANGE": "bytes=500-2999"}),
        ("GET", {"HTTP_RANGE": "bytes=0-9,2000-3400"}),
    ],
    ids=["whole", "head", "range", "long range", "multipart"],
)
def test_it_is_a_miss_at_once(
    site: Path, become: Change, method: str, fields: dict[str, str],
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "wsgistatic")
    path = site / "deep/er/large.bin"
    app = StaticFiles(None, site, block_size=BLOCK, cache_file_size=0, symlinks="follow")
    for _ in range(2):
        known = ask_in_time(app, path, method, fields)
    path.rename(site / "away")
    become(path)
    for _ in range(2):
        assert ask_in_time(app, path, method, fields).status == 404
    (path.rmdir if become is Path.mkdir else path.unlink)()
    (site / "away").rename(path)
    settle()
    again = ask_in_time(app, path, method, fields)
    assert (again.status, len(again.body)) == (known.status, len(known.body))
    assert call_bare(app, environ_of("/deep/er/large.bin")).body == BYTES
    assert caplog.records == []
