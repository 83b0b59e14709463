"""Content negotiation by Accept-Encoding (RFC 9110 12.5.3).

Strategy: the field is split and each element matched whole, so that the work is linear in the
field's length. An element that is not in the grammar (an unknown parameter, a weight above 1 or
with four digits) is ignored, as if it were not there: what it meant is a guess, and a guess is
safe only where it leads to fewer codings. What the RFC leaves open is decided at ``quality``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wsgistatic.http.fields import QVALUE, TOKEN

IDENTITY = "identity"
# Acceptable without having been asked for: less than any weight that can be written (0.001).
UNASKED = 0.0001

# Accept-Encoding = #( codings [ weight ] ) ; codings = content-coding / "identity" / "*"
# weight = OWS ";" OWS "q=" qvalue (12.4.2); "*" is a token like the others to this pattern.
_ELEMENT = re.compile(rf"({TOKEN})(?:[ \t]*;[ \t]*[qQ]=({QVALUE}))?")
# 8.4.1.1, 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"."
_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}


class Preferences(NamedTuple):
    """What a client accepts.

    Attributes:
        named: weights of the codings that the field names, by lower-case name.
        others: the weight of every other one.
    """

    named: Mapping[str, float]
    others: float

    def quality(self, coding: str) -> float:
        """Give the weight of a coding, 0 (not acceptable) to 1.

        "identity" that the field does not name has the weight of ``*``; without that it is
        acceptable, but less than anything that was asked for (``UNASKED``).

        Arguments:
            coding: the name in any case, or "identity".
        """
        return self.named.get(_canonical(coding), self.others)


# 12.5.3: without the field "any content coding is considered acceptable", which shows no wish.
_NO_FIELD = Preferences({IDENTITY: 1.0}, UNASKED)


def acceptable_codings(field: str | None) -> Preferences:
    """Parse an Accept-Encoding field; a pure function, fit for memoising.

    Where a coding is named twice the lowest weight counts, in whatever order: a coding refused
    by anybody on the way (a proxy that adds a line) must not be sent, and one that is liked
    less can be missed.

    Arguments:
        field: the value, several lines joined by commas; None where the field is absent.
    """
    if field is None:
        return _NO_FIELD
    named: dict[str, float] = {}
    for element in field.split(","):
        match = _ELEMENT.fullmatch(element.strip(" \t"))
        if match is not None:
            coding, weight = _canonical(match[1]), float(match[2] or 1)
            named[coding] = min(weight, named.get(coding, weight))
    others = named.pop("*", None)
    if others is None:
        # "acceptable by default unless specifically excluded": so is an empty field's identity.
        named.setdefault(IDENTITY, UNASKED)
        others = 0.0
    return Preferences(named, others)


def select_coding(preferences: Preferences, available: Sequence[tuple[str, int]]) -> str | None:
    """Choose the representation to send.

    The highest weight wins, then the smallest size, then the order given. Where nothing is
    acceptable "identity" is sent all the same: 12.5.3 allows it instead of a 406, and every
    client can read it.

    Arguments:
        preferences: of the client.
        available: (coding, size in bytes) pairs, "identity" among them, best first.

    Returns:
        A coding of those available; None where none is acceptable and "identity" is not there.
    """
    ranked = [(-preferences.quality(coding), size, coding) for coding, size in available]
    acceptable = [choice for choice in ranked if choice[0] < 0]
    if acceptable:
        return min(acceptable, key=lambda choice: choice[:2])[2]
    return IDENTITY if any(coding == IDENTITY for coding, _ in available) else None


def _canonical(coding: str) -> str:
    name = coding.lower()  # 8.4.1: "All content codings are case-insensitive"
    return _ALIASES.get(name, name)


_OWS = " \t"


class Preference(NamedTuple):
    """How much a media type is wanted; the greater, the more.

    Attributes:
        quality: 0 (not acceptable) to 1.
        precision: 2 where the type was named, 1 by ``type/*``, 0 by ``*/*`` or not at all.
    """

    quality: float
    precision: int


_UNWANTED = Preference(0.0, 0)


def preference_for(accept: str | None, media_type: str) -> Preference:
    """Give a client's preference for a media type.

    Arguments:
        accept: value of Accept; None or empty, without a wish, is as ``*/*``.
        media_type: in lower case, without parameters.
    """
    if accept is None or not accept.strip(_OWS):
        return Preference(1.0, 0)
    ranges = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}
    found = []
    for element in accept.lower().split(","):
        name, *parameters = (part.strip(_OWS) for part in element.split(";"))
        if name in ranges:
            quality = _weight(parameters)
            if quality is not None:
                found.append((ranges[name], quality))
    # 12.5.1: "The most specific reference has precedence".
    precision, quality = max(found, default=(0, 0.0))
    return Preference(quality, precision)


def names_type(accept: str | None, media_type: str) -> bool:
    """Tell whether a client asks for a media type by its name, not by a wildcard."""
    preference = preference_for(accept, media_type)
    return preference.precision == 2 and preference.quality > 0


def _weight(parameters: list[str]) -> float | None:
    """Give the weight of a media range, 1 where there is none; None where it is no number."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if re.fullmatch(QVALUE, value) else None
    return 1.0
