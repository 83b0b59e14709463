"""Digest fields: Want-Repr-Digest and Repr-Digest with SHA-256 (RFC 9530)."""

from __future__ import annotations

import re
from base64 import b64encode

# A Dictionary of Structured Fields (RFC 8941 3.2) with values as RFC 9530 4 has them: "an
# Integer ... in the range 0 to 10 inclusive", perhaps with parameters, which mean nothing here.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETERS = rf"(?:;[ ]*{_KEY}(?:=[!-+\--:<-~]*)?)*"
_MEMBER = re.compile(rf"({_KEY})=([0-9]{{1,15}}){_PARAMETERS}")


def wants_sha256(field: str | None) -> bool:
    """Tell whether a client wants a SHA-256 digest of the representation (RFC 9530 4).

    Arguments:
        field: value of Want-Repr-Digest, or None. One that is malformed is ignored.
    """
    if field is None:
        return False
    wanted = {}
    for member in field.split(","):
        match = _MEMBER.fullmatch(member.strip(" \t"))
        if match is None:
            return False  # RFC 8941 4.2: the entire field "MUST be ignored"
        wanted[match[1]] = int(match[2])
    return 1 <= wanted.get("sha-256", 0) <= 10  # "0 means not acceptable"


def repr_digest(sha256: bytes) -> str:
    """Give the value of Repr-Digest (RFC 9530 3).

    Arguments:
        sha256: of the whole selected representation.
    """
    return f"sha-256=:{b64encode(sha256).decode()}:"
