"""Accept (RFC 9110 12.5.1): how much a client wants a media type, and by which words; Vary.

Strategy: tolerant. What cannot be read is passed over, since the header is a wish; parameters
other than ``q`` are passed over too: ``application/json;charset=utf-8`` wants JSON. (WebOb's
parser drops the whole field at one empty element, and takes that JSON for something else.)
"""

from __future__ import annotations

import re
from typing import NamedTuple

# 12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
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
            quality = _quality(parameters)
            if quality is not None:
                found.append((ranges[name], quality))
    # 12.5.1: "The most specific reference has precedence".
    precision, quality = max(found, default=(0, 0.0))
    return Preference(quality, precision)


def names_type(accept: str | None, media_type: str) -> bool:
    """Tell whether a client asks for a media type by its name, not by a wildcard."""
    preference = preference_for(accept, media_type)
    return preference.precision == 2 and preference.quality > 0


def vary_by(fields: list[tuple[str, str]], names: str) -> list[tuple[str, str]]:
    """Give header fields with request fields added to Vary (12.5.5)."""
    already = [value for name, value in fields if name.lower() == "vary"]
    others = [field for field in fields if field[0].lower() != "vary"]
    return [*others, ("Vary", ", ".join([*already, names]))]


def _quality(parameters: list[str]) -> float | None:
    """Give the weight of a media range, 1 where there is none; None where it is no number."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if _QVALUE.fullmatch(value) else None
    return 1.0
