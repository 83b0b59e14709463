"""Server processes: their cores, their processor time, and how to end all of them.

Each server leads a session of its own, so that all processes that it starts can be found and
killed, even if their leader has ended.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path


def usable_cores() -> list[int]:
    """Return the cores that this process may run on, or [] where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def choose_cores() -> tuple[int | None, int | None, str]:
    """Return a core for servers, one for their load or None where there is only one, and a remark.

    Most interrupts go to the first core. The two belong to different physical cores, if possible.
    """
    cores = usable_cores()
    if len(cores) < 2:
        return None, None, "One core only: the load takes its share of the server's time."
    server = cores.pop()
    apart = [core for core in cores if core not in _siblings(server)]
    load = (apart or cores)[-1]
    remark = "" if apart else " These are threads of one physical core: they slow each other down."
    return server, load, f"Server on core {server}, load on core {load}.{remark}"


def _siblings(core: int) -> set[int]:
    """Return the threads of the physical core, from a list such as "0,4" or "0-1"."""
    numbers = {core}
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    with suppress(OSError):
        for part in path.read_text().strip().split(","):
            first, _, last = part.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def pin(pids: Iterable[int], core: int | None) -> None:
    """Keep all threads of the processes, and those that they start later, on one core."""
    if core is None:
        return
    for pid in pids:
        with suppress(OSError):  # the process has ended
            for thread in os.listdir(f"/proc/{pid}/task"):
                with suppress(OSError):
                    os.sched_setaffinity(int(thread), {core})


def session(leader: int) -> list[int]:
    """Return the process IDs of a session, without zombies."""
    pids = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            # After the name in parentheses: state, parent, group, session; see proc(5).
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                pids.append(int(entry))
    return pids


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the user and system time that the processes have used so far."""
    # This is the clock that clock_getcpuclockid(3) of glibc returns for a process. It counts
    # nanoseconds, /proc/PID/stat only hundredths of a second.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def kill_sessions(leaders: Iterable[int]) -> None:
    """Kill all processes of the sessions."""
    for leader in leaders:
        while pids := session(leader):  # repeated for processes that were forking
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)


def free_port(taken: Container[int]) -> int:
    """Return an unused port below the range of outgoing connections, and not yet taken."""
    first, last = 10_000, 32_000
    with suppress(OSError):
        path = Path("/proc/sys/net/ipv4/ip_local_port_range")
        last = max(first + 5000, int(path.read_text().split()[0]))
    while True:
        port = random.randrange(first, last)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in taken:
                return port
