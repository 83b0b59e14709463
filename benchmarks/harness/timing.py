"""Processor time of calls, and the samples that every benchmark collects.

Cells (one request to one app) are timed in rounds: a chunk of about 5 ms of each, in another order
each round, so that a disturbance hits all of them alike. A cell's figure is the first quartile of
its rounds, because disturbances only ever add time. It contains what a server does for a request:
a new environ, start_response, and the loop that reads the body.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import RLock
from types import FunctionType
from typing import Any

from tqdm import tqdm

from benchmarks.harness.processes import usable_cores
from benchmarks.harness.wsgi import Environ, Unable, ignore_start, reason_of

Key = tuple[str, ...]
_CHUNK_NS = 5_000_000
# Without a thread of its own, which would add to processor time, and without a semaphore.
tqdm.monitor_interval = 0
tqdm.set_lock(RLock())


class Samples:
    """Rounds of named figures by key, or the reason why a key has none."""

    def __init__(self) -> None:
        self.rounds: dict[Key, list[dict[str, float]]] = {}
        self.failed: dict[Key, str] = {}

    def add(self, *key: str, **figures: float) -> None:
        """Add one round."""
        self.rounds.setdefault(key, []).append(figures)

    def fail(self, *key: str, reason: Exception) -> None:
        """Record why a key cannot be measured, and drop its rounds."""
        self.failed[key] = reason_of(reason)
        self.rounds.pop(key, None)

    def merge(self, other: Samples) -> None:
        """Add the rounds of another process; a key that failed in one of them has failed."""
        for key, rounds in other.rounds.items():
            self.rounds.setdefault(key, []).extend(rounds)
        self.failed |= other.failed
        self.rounds = {key: one for key, one in self.rounds.items() if key not in self.failed}

    def values(self, key: Key, figure: str) -> list[float]:
        """Return a figure of each round."""
        return [one[figure] for one in self.rounds.get(key, [])]

    def median(self, key: Key, figure: str) -> float | None:
        """Return the median over the rounds, or None without rounds."""
        values = self.values(key, figure)
        return statistics.median(values) if values else None

    def ratio(self, key: Key, base: Key, figure: str) -> float | None:
        """Return the median of the ratios within each round, where disturbances cancel out."""
        values, bases = self.values(key, figure), self.values(base, figure)
        if not values or not bases:
            return None
        return statistics.median(a / b for a, b in zip(values, bases, strict=True))

    def spread(self, figure: str) -> tuple[float, float]:
        """Return how far rounds differ: the relative range of the median key and of the worst."""
        spreads = [
            (max(values) - min(values)) / statistics.median(values)
            for key in self.rounds
            if (values := self.values(key, figure))
        ]
        return (statistics.median(spreads), max(spreads)) if spreads else (0.0, 0.0)

    def failures(self) -> list[str]:
        """Return a line for all failures of keys that differ in their last part only."""
        lines: dict[str, list[str]] = {}
        for (*first, last), reason in self.failed.items():
            lines.setdefault(" ".join(first), []).append(f"{last} ({reason})")
        return [f"{first}: {', '.join(reasons)}" for first, reasons in lines.items()]


class Cell:
    """One request to one app, and what it cost in each round."""

    def __init__(self, app: Any, environ: Environ) -> None:
        self._rounds: list[float] = []
        self._app = app
        self._environ = environ
        self._calls = 1
        # A code object of its own, because CPython specializes a code object for what it calls.
        self._run: Callable[[Any, Environ, int], None] = FunctionType(
            _run.__code__.replace(), _run.__globals__
        )

    def us(self) -> float:
        """Return the first quartile of the rounds, in microseconds per request."""
        return statistics.quantiles(self._rounds, n=4)[0]

    def calibrate(self) -> None:
        """Warm up, and find the number of calls that fills a chunk."""
        while (spent := self._spend()) < _CHUNK_NS:
            guess = int(self._calls * 1.05 * _CHUNK_NS / max(spent, 1)) + 1
            self._calls = max(self._calls * 2, min(self._calls * 10, guess))

    def time_chunk(self) -> None:
        """Time one chunk."""
        self._rounds.append(self._spend() / self._calls / 1000)
        gc.collect()

    def _spend(self) -> int:
        before = time.process_time_ns()
        self._run(self._app, self._environ, self._calls)
        return time.process_time_ns() - before


def _run(app: Any, environ: Environ, calls: int) -> None:
    for _ in repeat(None, calls):
        body = app(environ.copy(), ignore_start)
        for block in body:
            len(block)
        close = getattr(body, "close", None)
        if close is not None:
            close()


def time_cells(cells: Sequence[Cell], rounds: int, title: str) -> None:
    """Time the cells in rounds; garbage is collected only between the chunks."""
    gc.disable()
    gc.collect()
    gc.freeze()  # spare the collections between chunks what the peers keep permanently
    for cell in cells:
        cell.calibrate()
    for _ in tqdm(range(rounds), title, leave=False, disable=None):
        for cell in random.sample(cells, len(cells)):
            cell.time_chunk()


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh interpreter on one core; raise Unable if it raises an error."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        result, reason = ours.recv()
    except EOFError:
        raise Unable("its process died") from None
    finally:
        process.kill()
        process.join()
    if reason:
        raise Unable(reason)
    return result


def _call(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
    if cores := usable_cores():
        os.sched_setaffinity(0, cores[-1:])  # most interrupts go to the first core
    try:
        pipe.send((function(*arguments), ""))
    except Exception as error:
        pipe.send((None, reason_of(error)))
