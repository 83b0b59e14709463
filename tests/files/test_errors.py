"""Classification and conversion of file system errors."""

from __future__ import annotations

import errno
import os

import pytest

from wsgistatic.files.errors import Outcome, as_oserror, classify, is_missing, not_found_error


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
def test_classify(code: int | None, outcome: Outcome) -> None:
    error = OSError("no number") if code is None else OSError(code, "text")
    assert classify(error) is outcome
    assert is_missing(error) is (outcome in (Outcome.MISS, Outcome.FORBIDDEN))


def test_not_found_error() -> None:
    error = not_found_error()
    assert classify(error) is Outcome.MISS
    assert f"{error}" == f"[Errno {errno.ENOENT}] {os.strerror(errno.ENOENT)}"


def test_as_oserror() -> None:
    def fail(error: BaseException) -> None:
        raise error

    own, other = OSError(errno.EACCES, "own"), ValueError("other")
    assert as_oserror()(lambda: 5)() == 5
    with pytest.raises(OSError, match="own") as caught, as_oserror():
        fail(own)
    assert caught.value is own
    with (
        pytest.raises(OSError, match="the source cannot be read: ValueError") as caught,
        as_oserror(),
    ):
        fail(other)
    assert (caught.value.errno, caught.value.__cause__) == (errno.EIO, other)
    with pytest.raises(KeyboardInterrupt), as_oserror():
        fail(KeyboardInterrupt())
