"""A directory that changes between and during requests, with every kind of cache."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.oracle import Answer, File, Headers, precondition
from tests.security.asking import LAG, TTL, AskedDirectory

# Each machine says itself what its cache is: once is enough.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

TICK = 10_000_000  # nanoseconds: the longest that is usual


class Uncached(AskedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 0, "stat_ttl": 0.0}


class Cached(AskedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": 0.0}
    lag: ClassVar[float] = LAG


class Coarse(Cached):
    """With times by a clock that ticks: Linux stamps no two looked at versions alike since 6.13."""

    def __init__(self) -> None:
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(os, "stat", coarsely(os.stat))
        self.patches.setattr(os, "fstat", coarsely(os.fstat))
        super().__init__()

    def teardown(self) -> None:
        self.patches.undo()
        super().teardown()


def coarsely(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def look_coarsely(*args: Any, **named: Any) -> os.stat_result:
        status = look(*args, **named)
        fields = {name: getattr(status, name) for name in dir(status) if name[:3] == "st_"}
        for name in ("st_mtime_ns", "st_ctime_ns"):
            fields[name] -= fields[name] % TICK
        return os.stat_result(tuple(status), fields)

    return look_coarsely


class Trusting(AskedDirectory):
    options: ClassVar[dict[str, Any]] = {"cache_size": 10_000_000, "stat_ttl": TTL}
    ttl: ClassVar[float] = TTL
    lag: ClassVar[float] = LAG


class Compressing(AskedDirectory):
    options: ClassVar[dict[str, Any]] = {"compress": True, "cache_size": 10_000_000}
    lag: ClassVar[float] = LAG

    def explains(
        self, wanted: File | int, answer: Answer, name: str, method: str, headers: Headers
    ) -> bool:
        """Explain as well what the file was compressed to: its tag is weak, it has no parts."""
        if super().explains(wanted, answer, name, method, headers):
            return True
        is_part = method == "GET" and "Range" in headers
        if isinstance(wanted, int) or is_part or "Accept-Encoding" not in headers:
            return False
        etag = f'W/{wanted.etag[:-1]}-gzip"'
        if answer.status != precondition(File(b"", wanted.mtime, etag), headers):
            return False
        if answer.status != 200:
            return answer.fields.get("etag", etag) == etag
        described = (answer.fields["etag"], answer.fields.get("content-encoding"))
        if described != (etag, "gzip"):
            return False
        return method == "HEAD" or gzip.decompress(answer.body) == wanted.data


MACHINES = [Uncached, Cached, Coarse, Trusting, Compressing]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_every_answer_is_explained_by_a_state(machine: type[AskedDirectory], tries: int) -> None:
    few = settings(max_examples=max(1, tries // 100), stateful_step_count=40)
    run_state_machine_as_test(machine, settings=few)
