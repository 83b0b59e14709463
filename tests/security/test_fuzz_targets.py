"""Run the fuzzing targets on their seeds, and on inputs that Hypothesis generates."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.properties import examples
from tests.security.fuzz.targets import TARGETS

PIECES = st.sampled_from(
    [b"bytes=", b"0-", b"-1", b",", b" ", b"\t", b'"a"', b"W/", b"*", b";q=0", b";q=0.5", b"gzip",
     b"br", b"identity", b"sha-256=", b"..", b"/", b"\\", b"%2e", b"NUL", b":", b"~1", b"\n", b"9",
     b"text/html", b"GMT", b"Sun, 06 Nov 1994 08:49:37 GMT",
     b"b.txt", b"d", b"a", b"Ga\n", b"\xff", b"\0"]
)  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)

    @settings(max_examples=examples(400))
    @given(st.binary(max_size=60) | st.lists(PIECES, max_size=20).map(b"".join))
    @example(b"")
    def run(data: bytes) -> None:
        target(data)

    run()
