"""Locks that a forked child finds unlocked.

A child has copies of all locks, but only the thread that forked. A lock that another thread held
would stay locked, and work that it had begun would never end. uWSGI runs no hooks of Python by
default, but its master serves no requests, so nothing is held when it forks.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any
from weakref import WeakSet


class Locked:
    """An object with a lock, and perhaps more state that belongs to threads."""

    def __init__(self) -> None:
        self._lock: Any = Lock()
        _objects.add(self)

    def after_fork(self) -> None:
        """Drop, in a child, what threads of the parent held or had begun."""
        self._lock = Lock()


_objects: WeakSet[Locked] = WeakSet()


def after_fork_in_child() -> None:
    """Call ``after_fork`` of all objects that exist."""
    for instance in tuple(_objects):
        instance.after_fork()


# Windows has no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=after_fork_in_child)
