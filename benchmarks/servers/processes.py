"""Server processes: their core, their processor time, and a sure end.

Strategy: each server leads a session of its own, so that all that it starts can be found, summed
up and killed, whatever becomes of its leader.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import usable_cores

_SESSION = 3  # fields of /proc/PID/stat after the name, see proc(5)


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the servers run on, and which the load; None: nobody is kept to a core."""

    server: int | None
    load: int | None

    def __str__(self) -> str:
        if self.server is None or self.load is None:
            return "One core only: the load takes its part of the server's time."
        if self.load in _siblings(self.server):
            return "Server and load on two threads of one physical core: they slow each other."
        return f"Server on core {self.server}, load on core {self.load}."


def choose_cores() -> Cores:
    """Take the last core for the servers (most interrupts go to the first), another for the load.

    Not the other half of the same physical core, where there is a choice.
    """
    cores = usable_cores()
    if len(cores) < 2:
        return Cores(None, None)
    server = cores.pop()
    apart = [core for core in cores if core not in _siblings(server)]
    return Cores(server, (apart or cores)[-1])


def _siblings(core: int) -> set[int]:
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    with suppress(OSError):
        numbers: set[int] = set()
        for part in path.read_text().strip().split(","):
            first, _, last = part.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
        return numbers
    return {core}


def pin(pids: Iterable[int], core: int | None) -> None:
    """Keep all threads of the processes on one core; those that they start later stay there."""
    if core is None:
        return
    for pid in pids:
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with suppress(OSError):  # it has ended
                    os.sched_setaffinity(int(thread), {core})


def session(leader: int) -> list[int]:
    """Give all living processes of a session."""
    pids = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with suppress(OSError):
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(fields[_SESSION]) == leader and fields[0] != "Z":
                pids.append(int(entry))
    return pids


def cpu_seconds(pids: Iterable[int]) -> float:
    """Give the processor time, user and system, that the processes have had until now."""
    total = 0.0
    for pid in pids:
        # clock_getcpuclockid(3) of any process, as glibc makes it: exact to the nanosecond,
        # where /proc/PID/stat counts hundredths of a second.
        total += time.clock_gettime((~pid << 3) | 2)
    return total


def kill_sessions(leaders: Iterable[int]) -> None:
    """Kill all processes of the sessions."""
    for leader in leaders:
        while pids := session(leader):  # again, where one was just forking
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)


def free_port(taken: Container[int]) -> int:
    """Find a port that nobody listens on, below those that outgoing connections get.

    Arguments:
        taken: ports that were found before; somebody may be about to listen there.
    """
    first, last = 10_000, 32_000
    with suppress(OSError):
        path = Path("/proc/sys/net/ipv4/ip_local_port_range")
        last = max(first + 5000, int(path.read_text().split()[0]))
    while True:
        port = random.randrange(first, last)
        if port in taken:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
