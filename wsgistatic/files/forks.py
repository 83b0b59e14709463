"""A forked child gets locks as they are, but only the thread that forked.

A lock that another thread held would stay locked in the child, and work that it had begun would
never end. So objects with such state register here to drop it. uWSGI runs no hooks of Python by
default, but its master serves no requests, so nothing is held when it forks.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forgetful(Protocol):
    """An object whose state depends on threads."""

    def after_fork(self) -> None:
        """Drop, in a child, what threads of the parent held or had begun."""


_registered: WeakSet[Forgetful] = WeakSet()


def call_after_fork(instance: Forgetful) -> None:
    """Call ``after_fork`` of an object in forked children, as long as the object exists."""
    _registered.add(instance)


def after_fork_in_child() -> None:
    """Call ``after_fork`` of all registered objects."""
    for instance in tuple(_registered):
        instance.after_fork()


# Windows has no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=after_fork_in_child)
