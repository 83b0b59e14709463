"""Content negotiation by Accept-Encoding and Accept (RFC 9110 12.5).

Both fields are split at their commas, and each element is matched as a whole, so that parsing
takes linear time. An element outside the grammar (an unknown parameter, a weight above 1) is
ignored, since a wrong guess could send a coding or a media type that the client cannot use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wsgistatic.http.fields import OWS, QVALUE, TOKEN

IDENTITY = "identity"
# The weight of a coding that is acceptable though the client did not ask for it. It is lower than
# any weight that can be written; the lowest of those is 0.001.
UNASKED = 0.0001

# Accept-Encoding = #( codings [ weight ] ) ; codings = content-coding / "identity" / "*"
# weight = OWS ";" OWS "q=" qvalue (12.4.2). The token matches "*" too.
_CODING = re.compile(rf"({TOKEN})(?:[ \t]*;[ \t]*[qQ]=({QVALUE}))?")
# 8.4.1.1, 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"."
_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}


class CodingPreferences(NamedTuple):
    """The content codings that a client accepts, with their weights."""

    named: Mapping[str, float]  # the codings that Accept-Encoding names, in lower case
    others: float  # the weight of every other coding

    def quality(self, coding: str) -> float:
        """Return the weight of a coding, from 0 (not acceptable) to 1."""
        return self.named.get(_canonical(coding), self.others)

    def ranks(self, codings: Sequence[str]) -> tuple[int, ...]:
        """Return the rank of each coding by weight, from 0 (not acceptable) up.

        Fields with equal ranks select the same coding, however they are written.
        """
        qualities = [self.quality(coding) for coding in codings]
        order = sorted({0.0, *qualities})
        return tuple(map(order.index, qualities))


# 12.5.3: "If no Accept-Encoding header field is in the request, any content coding is considered
# acceptable". Still, the client has not asked for any.
_NO_FIELD = CodingPreferences({IDENTITY: 1.0}, UNASKED)


def acceptable_codings(accept_encoding: str | None) -> CodingPreferences:
    """Parse an Accept-Encoding field (RFC 9110 12.5.3).

    If the field names a coding twice, the lower weight counts. A coding that any hop refused, such
    as a proxy that appended a line, must not be sent, while nothing is lost if an acceptable one is
    not used.
    """
    if accept_encoding is None:
        return _NO_FIELD
    named: dict[str, float] = {}
    for element in accept_encoding.split(","):
        match = _CODING.fullmatch(element.strip(OWS))
        if match is not None:
            coding, weight = _canonical(match[1]), float(match[2] or 1)
            named[coding] = min(weight, named.get(coding, weight))
    others = named.pop("*", None)
    if others is None:
        # 12.5.3: "If the representation has no content coding, then it is acceptable by default
        # unless specifically excluded". An empty field excludes nothing.
        named.setdefault(IDENTITY, UNASKED)
        others = 0.0
    return CodingPreferences(named, others)


def select_coding(
    preferences: CodingPreferences, available: Sequence[tuple[str, int]]
) -> str | None:
    """Choose the content coding to send from pairs of a coding and its size in bytes.

    The highest weight wins, then the smallest size, then the first in the given order. If the
    client accepts none of them, "identity" is chosen nevertheless, if available. RFC 9110 12.5.3
    allows that instead of a 406, and every client can read it.
    """
    ranked = [(-preferences.quality(coding), size, coding) for coding, size in available]
    best = min(ranked, key=lambda choice: choice[:2], default=None)
    if best is not None and best[0] < 0:
        return best[2]
    return IDENTITY if any(coding == IDENTITY for coding, _ in available) else None


def _canonical(coding: str) -> str:
    name = coding.lower()  # 8.4.1: "All content codings are case-insensitive"
    return _ALIASES.get(name, name)


class TypePreference(NamedTuple):
    """How much a client wants a media type; preferences compare by that."""

    quality: float  # from 0 (not acceptable) to 1
    precision: int  # 2 if Accept names the type, 1 for ``type/*``, 0 for ``*/*`` or no match


def preference_for(accept: str | None, media_type: str) -> TypePreference:
    """Return a client's preference for a lower-case media type (RFC 9110 12.5.1)."""
    if accept is None or not accept.strip(OWS):
        return TypePreference(1.0, 0)
    ranges = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}
    matches = []
    for element in accept.lower().split(","):
        name, *parameters = (part.strip(OWS) for part in element.split(";"))
        if name in ranges and (quality := _weight(parameters)) is not None:
            matches.append((ranges[name], quality))
    # 12.5.1: "The most specific reference has precedence".
    precision, quality = max(matches, default=(0, 0.0))
    return TypePreference(quality, precision)


def names_type(accept: str | None, media_type: str) -> bool:
    """Return whether a client accepts a media type by its name, not only by a wildcard."""
    preference = preference_for(accept, media_type)
    return preference.precision == 2 and preference.quality > 0


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if re.fullmatch(QVALUE, value) else None
    return 1.0
