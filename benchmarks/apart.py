"""What an action costs in time and memory, measured in interpreters of its own.

Strategy: twice, each time in a fresh process: once plain, for the time and for the memory that
the system gives; once under tracemalloc, which is exact about Python's memory but slow.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, cast

from benchmarks.machine import pin_to_one_core
from benchmarks.scenarios import Unable

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
    """Call a function of a module in a fresh interpreter, on one core.

    Raises:
        Unable: with what it raised; or the process died.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        reason, result = ours.recv()
    except EOFError:
        raise Unable("its process died") from None
    finally:
        process.kill()
        process.join()
    if reason is not None:
        raise Unable(reason)
    return cast("_T", result)


def _call(pipe: Connection, function: Callable[..., _T], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it ends this one
    pin_to_one_core()
    try:
        pipe.send((None, function(*arguments)))
    except Unable as reason:
        pipe.send((str(reason), None))
    except Exception as error:
        pipe.send((f"raises {error!r}", None))


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
