"""Sidecars: content codings of a file stored beside it, as ``app.js.br`` is of ``app.js``.

Strategy: most files have none, and one failed ``os.stat`` for each name shows that without a
walk beneath the root; only what is there is looked at by the policy for links.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wsgistatic.files.directory import Resource
from wsgistatic.files.errors import is_missing
from wsgistatic.files.versions import Signature, modified_ns, signature
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding

# What was seen under each name that a sidecar could have: a version, nothing, or an errno where
# that could not be told.
Seen = tuple[Signature | int | None, ...]

_SECOND = 1_000_000_000  # nanoseconds

logger = logging.getLogger("wsgistatic")


class Sidecar(NamedTuple):
    """A stored coding that may be sent for a file."""

    coding: str
    resource: Resource
    status: os.stat_result


class Sidecars:
    """Finds the sidecars of files.

    Arguments:
        codings: content codings, those preferred at equal weight first.
    """

    def __init__(self, codings: Sequence[str]) -> None:
        self._names = tuple((coding, CODINGS[coding].suffix) for coding in codings)

    def look(self, path: str) -> Seen:
        """Tell what is there beside a file, to be compared with what was there."""
        return tuple(_look_at(path + suffix) for _, suffix in self._names)

    def find(self, resource: Resource, status: os.stat_result, seen: Seen) -> list[Sidecar]:
        """Give the sidecars of a file that are as new as this version of it.

        What a plain look failed at is left out: the file itself can be sent. Who compares what
        was seen has the fault told once, and looks anew when it is over.

        Arguments:
            resource: the file.
            status: of the version.
            seen: by ``look``, just now.

        Raises:
            OSError: one cannot be looked at, though it may be there.
        """
        if not any(seen):
            return []
        found, faults = [], []
        for (coding, suffix), there in zip(self._names, seen, strict=True):
            if there is None:
                continue
            if isinstance(there, int):
                faults.append((resource.path + suffix, os.strerror(there)))
                continue
            sidecar = resource.sidecar(suffix)
            try:
                sidecar_status = sidecar.stat()
            except OSError as error:
                if not is_missing(error):
                    raise  # what is chosen now is remembered: nothing shall be for a shortage
                continue  # no regular file, or not for us
            if is_fresh(sidecar_status, status):
                found.append(Sidecar(coding, sidecar, sidecar_status))
        if faults:
            logger.error("%a: %s", *faults[0])
        return found


def is_fresh(sidecar: os.stat_result, original: os.stat_result) -> bool:
    """Tell whether a sidecar was made of this version of its original.

    A tool that copies the time to it may keep whole seconds only. In the second of the
    original's own change the sidecar's ctime then tells whether it was made after that.
    """
    made, modified = modified_ns(sidecar), modified_ns(original)
    if made == modified // _SECOND * _SECOND:
        return max(made, sidecar.st_ctime_ns) >= modified
    return made >= modified


def _look_at(path: str) -> Signature | int | None:
    try:
        return signature(os.stat(path))
    except OSError as error:
        return None if is_missing(error) else error.errno


class Selected(NamedTuple):
    """The selected representation.

    Attributes:
        original: the file that was asked for.
        original_status: of its version.
        source: the file whose bytes are sent: the original or a sidecar.
        status: of the source's version.
        coding: content coding of these bytes; None for the original's own.
        varies: there are others, so that Accept-Encoding decides.
        seen: what was there under the names of sidecars.
    """

    original: Resource
    original_status: os.stat_result
    source: Resource
    status: os.stat_result
    coding: str | None
    varies: bool
    seen: Seen


class Selector:
    """Selects representations.

    Arguments:
        encodings: content codings whose sidecars are looked for, best first.

    Attributes:
        may_compress: tells of a path and a size whether there may be codings without sidecars.
    """

    def __init__(self, encodings: Sequence[str]) -> None:
        self._sidecars = Sidecars(encodings)
        self.look = self._sidecars.look
        self.may_compress: Callable[[str, int], bool] = lambda path, size: False

    def select(
        self, resource: Resource, status: os.stat_result, accept_encoding: str | None
    ) -> Selected:
        """Select the representation of a version of a file.

        Arguments:
            resource: the file.
            status: of the version.
            accept_encoding: value of Accept-Encoding, or None.

        Raises:
            OSError: as ``Sidecars.find``.
        """
        seen = self.look(resource.path)
        sidecars = self._sidecars.find(resource, status, seen)
        chosen = _choose(sidecars, status.st_size, accept_encoding)
        if chosen is None:
            varies = bool(sidecars) or self.may_compress(resource.path, status.st_size)
            return Selected(resource, status, resource, status, None, varies, seen)
        return Selected(resource, status, chosen.resource, chosen.status, chosen.coding, True, seen)


def _choose(sidecars: list[Sidecar], size: int, accept_encoding: str | None) -> Sidecar | None:
    if not sidecars:
        return None
    available = [(sidecar.coding, sidecar.status.st_size) for sidecar in sidecars]
    coding = select_coding(acceptable_codings(accept_encoding), [*available, (IDENTITY, size)])
    return next((sidecar for sidecar in sidecars if sidecar.coding == coding), None)
