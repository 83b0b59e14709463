"""The size of the property tests, which the Hypothesis profile scales.

The profile ``quick`` is the default. ``.ci/run`` also runs the tests with
``--hypothesis-profile thorough``.
"""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> int:
    """Return the number of examples for a test that has ``count`` in the profile ``thorough``."""
    return max(1, count * settings().max_examples // 100)
