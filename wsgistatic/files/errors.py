"""What an OSError means for a request, the errors that several modules raise, and the logger."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

logger = logging.getLogger("wsgistatic")


class Outcome(Enum):
    """What a failed stat, open or read means for the response."""

    MISS = "no file of that name"
    FORBIDDEN = "no permission"
    TEMPORARY = "a temporary shortage"
    FAULT = "an input/output error"


_OUTCOMES = {
    # No such name, or a name that cannot exist: too long, below a file, a loop of links, refused
    # by the platform, a socket, a device without a driver.
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP), Outcome.MISS),
    **dict.fromkeys((errno.EINVAL, errno.EISDIR, errno.ENXIO, errno.ENODEV), Outcome.MISS),
    errno.EILSEQ: Outcome.MISS,
    **dict.fromkeys((errno.EACCES, errno.EPERM), Outcome.FORBIDDEN),
    # Out of descriptors or memory.
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM), Outcome.TEMPORARY),
    errno.ESTALE: Outcome.TEMPORARY,  # of a network file system: the next look-up gets a valid one
    errno.EAGAIN: Outcome.TEMPORARY,  # another process's lease on the file is being revoked
}


# Errors of Windows that Python translates to EACCES and EINVAL: another program has the file, or a
# part of it, for itself (32, 33), or the system's memory for open files is used up (1450).
_TEMPORARY_ON_WINDOWS = frozenset({32, 33, 1450})


def classify(error: OSError) -> Outcome:
    """Return what a file system error means for the response; an unknown error is a FAULT."""
    if getattr(error, "winerror", None) in _TEMPORARY_ON_WINDOWS:
        return Outcome.TEMPORARY
    return _OUTCOMES.get(error.errno or 0, Outcome.FAULT)


def is_found(look: Callable[[], object]) -> bool:
    """Return whether a lookup finds something, even if it cannot be read."""
    try:
        look()
    except OSError as error:
        return classify(error) is not Outcome.MISS
    return True


def is_missing(error: OSError) -> bool:
    """Return whether a file counts as absent: it does not exist, or we may not read it."""
    return classify(error) in (Outcome.MISS, Outcome.FORBIDDEN)


def not_found_error() -> FileNotFoundError:
    """Return the FileNotFoundError for a file that the client may not see."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


@contextmanager
def as_oserror() -> Iterator[None]:
    """Raise OSError (EIO) in place of any other exception of foreign code."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"the source cannot be read: {error!r}") from error
