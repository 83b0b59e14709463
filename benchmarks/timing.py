"""Processor time per request, of many apps side by side in one process after another.

Strategy: each process is a fresh interpreter on one core. In it, every cell (a peer and a
scenario) is proved right, then timed in rounds: a chunk of some 5 ms of each cell, in another
order each round, so that a disturbance meets all alike and none twice in the same place. A
figure is the first quartile of its rounds (disturbances only ever add), then the median over
the processes. The harness (a new environ, start_response, the loop that drains) is in every
figure, as some server is in every real request; it is timed alone too, and told.
"""

from __future__ import annotations

import gc
import multiprocessing
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing.connection import Connection
from types import FunctionType
from typing import TYPE_CHECKING, Any

from benchmarks.machine import pin_to_one_core
from benchmarks.peers import Peer, inner_app
from benchmarks.progress import Progress
from benchmarks.scenarios import Client, Environ, Unable
from benchmarks.scenarios import scenarios as all_scenarios
from benchmarks.tree import Tree

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

METHOD = (
    "Processor time (user and system), the harness included. First quartile of the rounds, "
    "median of the processes. No garbage collection while timing, no wsgi.file_wrapper."
)
_CHUNK_NS = 5_000_000
HARNESS = Peer("harness", "harness alone", "", lambda _: inner_app)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    processes: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Task:
    """What one process measures; a plain value."""

    tree: Tree
    peers: list[Peer]
    scenarios: list[str]
    rounds: int


@dataclass(slots=True)
class Figures:
    """By peer and scenario: microseconds, one figure a process; or why there is none."""

    us: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    unable: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Add the figures of another process."""
        self.unable.update(other.unable)
        for key, figures in other.us.items():
            self.us.setdefault(key, []).extend(figures)
        for key in self.unable:
            self.us.pop(key, None)


def measure(tree: Tree, peers: list[Peer], scenarios: list[str], effort: Effort) -> Figures:
    """Measure in one process after another."""
    task = Task(tree, peers, scenarios, effort.rounds)
    context = multiprocessing.get_context("spawn")
    figures = Figures()
    with Progress(effort.processes * effort.rounds, "in process") as progress:
        for number in range(1, effort.processes + 1):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(task, theirs), daemon=True)
            process.start()
            theirs.close()
            try:
                while (news := ours.recv()) is None:
                    progress.advance(f"process {number} of {effort.processes}")
            except EOFError:
                raise SystemExit("a measuring process failed, see above") from None
            figures.add(news)
            process.join()
    return figures


def _work(task: Task, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it ends this one
    pin_to_one_core()
    figures = Figures()
    cells = list(_cells(task, figures))
    time_cells(cells, task.rounds, lambda: pipe.send(None))
    for cell in cells:
        figures.us[cell.key] = [cell.us()]
    pipe.send(figures)


def time_cells(cells: list[Cell], rounds: int, after_round: Callable[[], object]) -> None:
    """Time the cells, interleaved; garbage is collected between the chunks only."""
    gc.disable()
    gc.collect()
    gc.freeze()  # what the peers keep for good need not be looked at after every chunk
    for cell in cells:
        cell.calibrate()
    for _ in range(rounds):
        random.shuffle(cells)
        for cell in cells:
            cell.time_chunk()
        after_round()


def _cells(task: Task, figures: Figures) -> Iterable[Cell]:
    """Build every peer, prove every cell; leave out what is not right, and note why."""
    scenarios = [one for one in all_scenarios() if one.key in task.scenarios]
    for peer in task.peers:
        try:
            app = peer.build(task.tree.root)
        except Exception as error:  # any fault of a peer is only its own
            for scenario in scenarios:
                figures.unable[peer.key, scenario.key] = f"cannot be built: {error!r}"
            continue
        for scenario in scenarios:
            try:
                environ = scenario.prepare(Client(peer, app, task.tree))
            except Unable as reason:
                figures.unable[peer.key, scenario.key] = str(reason)
            except Exception as error:
                figures.unable[peer.key, scenario.key] = f"raises {error!r}"
            else:
                yield Cell((peer.key, scenario.key), app, environ)
    for scenario in scenarios:
        environ = Client(HARNESS, inner_app, task.tree).environ(scenario.file)
        yield Cell((HARNESS.key, scenario.key), inner_app, environ)


class Cell:
    """One kind of request to one app, and what it has cost in each round."""

    def __init__(self, key: tuple[str, str], app: Any, environ: Environ) -> None:
        self.key = key
        self.rounds: list[float] = []
        self._app = app
        self._environ = environ
        self._calls = 1
        # A code object of its own: CPython fits a code object to what it has called so far.
        self._run: Callable[[Any, Environ, int], None] = FunctionType(
            _run.__code__.replace(), _run.__globals__
        )

    def us(self) -> float:
        """Give the first quartile of the rounds, in microseconds."""
        return statistics.quantiles(self.rounds, n=4)[0]

    def calibrate(self) -> None:
        """Find out how many calls make a chunk; warms up, too."""
        while (spent := self._spend()) < _CHUNK_NS:
            self._calls = max(self._calls * 2, min(self._calls * 10, self._guess(spent)))

    def time_chunk(self) -> None:
        """Time one chunk."""
        self.rounds.append(self._spend() / self._calls / 1000)
        gc.collect()

    def _spend(self) -> int:
        before = time.process_time_ns()
        self._run(self._app, self._environ, self._calls)
        return time.process_time_ns() - before

    def _guess(self, spent: int) -> int:
        return int(self._calls * 1.05 * _CHUNK_NS / max(spent, 1)) + 1


def _run(app: Any, environ: Environ, calls: int) -> None:
    """Do what a server does: a new environ for each request, drain the body, close it."""
    for _ in repeat(None, calls):
        body = app(environ.copy(), _start_response)
        for block in body:
            len(block)
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], object]:
    return len


if TYPE_CHECKING:
    _CHECK: StartResponse = _start_response
