"""Temporary resource limits of this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import resource


@contextmanager
def resource_limit(case: int, value: int) -> Iterator[None]:
    """Set a soft limit until the block ends.

    Args:
        kind: one of ``resource.RLIMIT_...``.
        value: the limit, in the unit of its kind.
    """
    limits = resource.getrlimit(case)
    resource.setrlimit(case, (value, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(case, limits)
