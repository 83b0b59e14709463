"""What errors of the file system mean."""

from __future__ import annotations

import errno

import pytest

from wsgistatic.files.errors import Outcome, classify


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (errno.ENOENT, Outcome.MISS),
        (errno.ENOTDIR, Outcome.MISS),
        (errno.ENAMETOOLONG, Outcome.MISS),
        (errno.ELOOP, Outcome.MISS),
        (errno.EACCES, Outcome.FORBIDDEN),
        (errno.EPERM, Outcome.FORBIDDEN),
        (errno.EMFILE, Outcome.TEMPORARY),
        (errno.ENFILE, Outcome.TEMPORARY),
        (errno.ESTALE, Outcome.TEMPORARY),
        (errno.EIO, Outcome.FAULT),
        (None, Outcome.FAULT),
    ],
)
def test_outcomes(code: int | None, outcome: Outcome) -> None:
    error = OSError("no number") if code is None else OSError(code, "text")
    assert classify(error) is outcome
