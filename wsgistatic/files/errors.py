"""What an OSError from the file system means for a request."""

from __future__ import annotations

import errno
import os
from enum import Enum


def missing() -> FileNotFoundError:
    """Make the error that stands for "there is no such file for you"."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


class Outcome(Enum):
    """The kinds of answer that a failed look-up, open or read can get."""

    MISS = "no file of that name"
    FORBIDDEN = "no permission"
    BUSY = "a passing shortage"
    FAULT = "an input/output error"


_OUTCOMES = {
    # The name is not there, or cannot be: too long, below a file, a loop of links, a name that
    # the platform refuses, a socket, a device without a driver.
    errno.ENOENT: Outcome.MISS,
    errno.ENOTDIR: Outcome.MISS,
    errno.ENAMETOOLONG: Outcome.MISS,
    errno.ELOOP: Outcome.MISS,
    errno.EINVAL: Outcome.MISS,
    errno.EISDIR: Outcome.MISS,
    errno.ENXIO: Outcome.MISS,
    errno.ENODEV: Outcome.MISS,
    errno.EILSEQ: Outcome.MISS,
    errno.EACCES: Outcome.FORBIDDEN,
    errno.EPERM: Outcome.FORBIDDEN,
    # Out of descriptors or memory; a network file system whose handle has to be looked up anew.
    errno.EMFILE: Outcome.BUSY,
    errno.ENFILE: Outcome.BUSY,
    errno.ENOMEM: Outcome.BUSY,
    errno.ESTALE: Outcome.BUSY,
    errno.EAGAIN: Outcome.BUSY,  # a lease on the file is being broken
}


def outcome_of(error: OSError) -> Outcome:
    """Classify an error of the file system; one that nobody foresaw is a fault."""
    return _OUTCOMES.get(error.errno or 0, Outcome.FAULT)


def is_absence(error: OSError) -> bool:
    """Tell whether a file is as good as not there: no such name, or not for us."""
    return outcome_of(error) in (Outcome.MISS, Outcome.FORBIDDEN)
