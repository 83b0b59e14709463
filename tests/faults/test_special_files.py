"""Cached files that are replaced by special files before the next request."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import settle
from tests.faults.cases import BLOCK, BYTES
from wsgistatic import StaticFiles

pytestmark = [pytest.mark.live, pytest.mark.memory_cache, pytest.mark.usefixtures("way")]

Change = Callable[[Path], None]


def call_with_timeout(
    app: StaticFiles, fifo: Path, method: str, fields: dict[str, str]
) -> Response:
    """Send a request; fail the test if it blocks until the FIFO has a writer."""
    results: list[Response] = []
    environ = make_environ("/deep/er/large.bin", method, **fields)
    thread = threading.Thread(target=lambda: results.append(call_raw(app, environ)))
    thread.start()
    thread.join(20)
    blocked = thread.is_alive()
    if blocked:
        os.close(os.open(fifo, os.O_WRONLY))  # unblocks the request
    thread.join()
    assert not blocked
    return results[0]


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "become",
    [
        pytest.param(getattr(os, "mkfifo", None), marks=pytest.mark.special_files),
        Path.mkdir,
        pytest.param(link_to_a_device, marks=pytest.mark.special_files),
    ],
)
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
def test_replaced_file_is_a_miss_at_once(
    site: Path, become: Change, method: str, fields: dict[str, str],
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "wsgistatic")
    path = site / "deep/er/large.bin"
    app = StaticFiles(None, site, block_size=BLOCK, cache_file_size=0, symlinks="follow")
    for _ in range(2):
        known = call_with_timeout(app, path, method, fields)
    path.rename(site / "away")
    become(path)
    for _ in range(2):
        assert call_with_timeout(app, path, method, fields).status == 404
    (path.rmdir if become is Path.mkdir else path.unlink)()
    (site / "away").rename(path)
    settle()
    again = call_with_timeout(app, path, method, fields)
    assert (again.status, len(again.body)) == (known.status, len(known.body))
    assert call_raw(app, make_environ("/deep/er/large.bin")).body == BYTES
    assert caplog.records == []
