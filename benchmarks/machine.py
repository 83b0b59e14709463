"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the interpreter of one run."""

    cpu: str
    cores: int
    usable_cores: int
    kernel: str
    architecture: str
    python: str
    load: float | None  # of the last minute, before the run: above 1 others were at work
    date: str

    def __str__(self) -> str:
        load = "" if self.load is None else f", load {self.load:.1f} before the run"
        return (
            f"{self.python}, {self.cpu}, {self.usable_cores} of {self.cores} cores, "
            f"{self.kernel} {self.architecture}{load}"
        )


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        usable_cores=len(usable_cores()) or os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}{_build()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def usable_cores() -> list[int]:
    """Give the numbers of the cores that this process may run on; [] where nobody can say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin_to_one_core() -> None:
    """Stay on one core, the last: the first is the one that most interrupts go to."""
    cores = usable_cores()
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores[-1:])


def _build() -> str:
    gil = getattr(sys, "_is_gil_enabled", None)
    return "" if gil is None or gil() else " without GIL"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Hardware", "cpu model"):
                    return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or "unknown CPU"
