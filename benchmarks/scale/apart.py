"""What an action costs in time and memory, measured in interpreters of its own.

Strategy: twice, each time in a fresh process: once plain, for the time and for the memory that
the system gives; once under tracemalloc, which is exact about Python's memory but slow.
"""

from __future__ import annotations

import gc
import os
import resource
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.machine import pin_to_one_core

Action = Callable[[], object]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one action."""

    cpu_s: float
    resident: int  # bytes more than before, of the process
    held: int  # bytes of Python objects that are still there, with the action's result
    peak: int  # bytes of Python objects at the worst moment


def apart(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function in a fresh interpreter, on one core."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=pin_to_one_core) as pool:
        return pool.submit(function, *arguments).result()


def cost_of(task: Callable[..., Action], *arguments: Any) -> Cost:
    """Measure an action.

    Arguments:
        task: prepares the action and returns it; a function of a module.
        arguments: for the task.
    """
    cpu_s, resident = apart(_plain, task, arguments)
    held, peak = apart(_traced, task, arguments)
    return Cost(cpu_s, resident, held, peak)


def allow_open_files(count: int) -> None:
    """See to it that this process may have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _plain(task: Callable[..., Action], arguments: tuple[Any, ...]) -> tuple[float, int]:
    action = task(*arguments)
    gc.collect()
    resident, start = _resident(), time.process_time()
    result = action()
    spent = time.process_time() - start
    gc.collect()
    grown = _resident() - resident
    del result
    return spent, grown


def _traced(task: Callable[..., Action], arguments: tuple[Any, ...]) -> tuple[int, int]:
    action = task(*arguments)
    gc.collect()
    tracemalloc.start()
    result = action()
    peak = tracemalloc.get_traced_memory()[1]
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    del result
    return held, peak


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: the most that it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
