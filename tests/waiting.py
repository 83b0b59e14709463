"""Wait for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 20.0  # seconds; generous, because the machine may be busy


def eventually(condition: Callable[[], bool], timeout: float = TIMEOUT) -> bool:
    """Return whether a condition becomes true within a time.

    Args:
        condition: called about fifty times a second.
        timeout: the time in seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
