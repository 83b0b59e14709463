"""A directory that changes between and during requests, with every cache configuration."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.client import call_raw, make_environ
from tests.oracle import File, Headers, Response, precondition_status
from tests.security.state_machine import SETTLED, SIDECAR_DELAY, TTL, ServedDirectory
from wsgistatic.files import folders

# Every state machine sets its own cache options, so one run of this module is enough.
pytestmark = [pytest.mark.symlinks, pytest.mark.live, pytest.mark.memory_cache]

TICK = 10_000_000  # nanoseconds; the coarsest common clock tick


class Uncached(ServedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 0, "stat_ttl": 0.0}


class Cached(ServedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": 0.0}
    sidecar_delay: ClassVar[float] = SIDECAR_DELAY


class CoarseTimes(Cached):
    """With coarse time stamps, as Linux before 6.13 gives them to files."""

    def __init__(self) -> None:
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(os, "stat", with_coarse_times(os.stat))
        self.patches.setattr(os, "fstat", with_coarse_times(os.fstat))
        super().__init__()

    def teardown(self) -> None:
        self.patches.undo()
        super().teardown()


class Learning(CoarseTimes):
    """Without a cache, and with a look at each folder as soon as possible."""

    options: ClassVar[dict[str, Any]] = {"cache_size": 0, "stat_ttl": 0.0}
    sidecar_delay: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.patches.setattr(folders, "_FIRST_WAIT", 1)

    @rule()
    def look_at_folders(self) -> None:
        """Remove the sidecars, and send requests until it is known that there are none."""
        for name in [name for name in self.state if name.endswith(".gz")]:
            self.remove(name)
        time.sleep(SETTLED)
        for name in ("a.txt", "sub/c.txt"):
            for _ in range(2):
                call_raw(self.app, make_environ(f"/{name}"))


def with_coarse_times(
    stat_function: Callable[..., os.stat_result],
) -> Callable[..., os.stat_result]:
    def stat_with_coarse_times(*args: Any, **kwargs: Any) -> os.stat_result:
        status = stat_function(*args, **kwargs)
        fields = {name: getattr(status, name) for name in dir(status) if name[:3] == "st_"}
        for name in ("st_mtime_ns", "st_ctime_ns"):
            fields[name] -= fields[name] % TICK
        return os.stat_result(tuple(status), fields)

    return stat_with_coarse_times


class StatTtl(ServedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": TTL}
    ttl: ClassVar[float] = TTL
    sidecar_delay: ClassVar[float] = SIDECAR_DELAY


class Compressing(ServedDirectory):
    options: ClassVar[dict[str, Any]] = {"compress": True, "cache_size": 10_000_000}
    sidecar_delay: ClassVar[float] = SIDECAR_DELAY

    def matches(
        self, expected: File | int, response: Response, name: str, method: str, headers: Headers
    ) -> bool:
        """Accept the file compressed in memory as well, with a weak ETag and no ranges."""
        if super().matches(expected, response, name, method, headers):
            return True
        is_part = method == "GET" and "Range" in headers
        if isinstance(expected, int) or is_part or "Accept-Encoding" not in headers:
            return False
        etag = f'W/{expected.etag[:-1]}-gzip"'
        if response.status != precondition_status(File(b"", expected.mtime, etag), headers):
            return False
        if response.status != 200:
            return response.fields.get("etag", etag) == etag
        described = (response.fields["etag"], response.fields.get("content-encoding"))
        if described != (etag, "gzip"):
            return False
        return method == "HEAD" or gzip.decompress(response.body) == expected.data


MACHINES = [Uncached, Learning, Cached, CoarseTimes, StatTtl, Compressing]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_every_response_matches_a_state(machine: type[ServedDirectory], tries: int) -> None:
    short_run = settings(max_examples=max(1, tries // 250), stateful_step_count=40)
    run_state_machine_as_test(machine, settings=short_run)
