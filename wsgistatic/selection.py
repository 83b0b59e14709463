"""Which representation of a file a client gets: its own bytes or a stored coding (12.5.3)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wsgistatic.directory import Resource
from wsgistatic.negotiation import IDENTITY, acceptable_codings, select_coding
from wsgistatic.sidecars import Seen, Sidecar, Sidecars


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
