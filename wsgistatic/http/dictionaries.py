"""Compression dictionaries (RFC 9842): the header fields, the names and the heads of deltas.

A delta is a file in the coding "dcz": zstd with another file, the dictionary, as its history. It is
stored beside its file, under a name with the SHA-256 of the dictionary, in hexadecimal digits.

Ours also end with the SHA-256 of their file, in a skippable frame (RFC 8878 3.1.2) like that at the
beginning. Nobody can decode a delta without the dictionary, so this shows whose delta it is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import quote_from_bytes, unquote_to_bytes

from wsgistatic.http.codings import MAX_HEADER, zstd_fault
from wsgistatic.http.fields import OWS
from wsgistatic.http.negotiation import acceptable_codings

DCZ = "dcz"
# RFC 9842 5: a decoder need not support a larger window, unless the dictionary is larger.
MAX_SIZE = 8 * 1024 * 1024  # bytes of a file that has deltas
# RFC 9842 5: a skippable frame of 32 bytes, which are the SHA-256 of the dictionary.
DCZ_MAGIC = bytes.fromhex("5e2a4d1820000000")
DCZ_HEAD = len(DCZ_MAGIC) + 32  # bytes; those at the end are as many
DELTA_HEADER = DCZ_HEAD + MAX_HEADER  # bytes that ``delta_fault`` needs

# Text that releases change in places, and that scripts, styles and fetch() load. A page itself has
# no deltas: it may be personal, and browsers seldom keep one as a dictionary.
_ELIGIBLE = re.compile(r".+\.(?:js|mjs|css|wasm|json|svg)", re.S)
# The part of a name that differs between releases: hexadecimal digits, or 8 characters of base64url
# or base32. A wrong guess costs only the gain, so this rule is laxer than that of ``immutable``.
_HASH = re.compile(
    r"(?<=[.-])(?:(?=[a-f]*[0-9])[0-9a-f]{8,64}|(?=[^.]*[0-9]|[^.][^.]*[A-Z])[\w-]{8})"
    r"(?=(?:\.[a-z]+)?\.[a-z]+\Z)",
    re.A,
)
_DELTA = re.compile(r"(.+)\.([0-9a-f]{64})\.dcz", re.S)
# RFC 8941 3.3.5: a byte sequence; 32 bytes take 43 characters of base64 and one for padding.
_SHA256 = re.compile(r":([A-Za-z0-9+/]{43}=):")


def is_eligible(name: str) -> bool:
    """Return whether a file with this name can have deltas and be a dictionary."""
    return _ELIGIBLE.fullmatch(name) is not None


def name_pattern(name: str) -> str:
    """Return a name with ``*`` in place of its content hash; all versions of a file share it."""
    return _HASH.sub("*", name, count=1)


def use_as_dictionary(url: str, *, has_fingerprint: bool = False) -> str:
    """Return the value of Use-As-Dictionary for a file at a URL path (RFC 9842 2.1).

    The pattern is relative, so it holds wherever the app is mounted. Percent-encoding keeps the
    characters of a name from being syntax of the pattern.

    Arguments:
        has_fingerprint: Whether clients request the name with a fingerprint before its extension.
    """
    name = quote_from_bytes(unquote_to_bytes(url.rpartition("/")[2]), safe="")
    stem, dot, extension = name_pattern(name).rpartition(".")
    return f'match="{stem}{".*" * has_fingerprint}{dot}{extension}"'


def offered_dictionary(available_dictionary: str | None, accept_encoding: str | None) -> str | None:
    """Return the SHA-256 of the dictionary that a client has, in 64 hexadecimal digits, or None.

    RFC 9842 2.2 and 6.1: the client must name the coding "dcz" too. A wildcard is not enough, since
    a proxy may have added it for a client that knows nothing of dictionaries.

    Whether the request is of the same origin is left to the client, since anybody may read a public
    file. A check of Sec-Fetch-Site would need that field in Vary.
    """
    if available_dictionary is None:
        return None
    match = _SHA256.fullmatch(available_dictionary.strip(OWS))
    if match is None or not acceptable_codings(accept_encoding).named.get(DCZ):
        return None
    return b64decode(match[1]).hex()


def delta_suffix(dictionary: str) -> str:
    """Return what follows the name of a file in that of its delta."""
    return f".{dictionary}.dcz"


def split_delta_name(name: str) -> tuple[str, str] | None:
    """Return the name of a delta's file and the digits of its dictionary; None for other names."""
    match = _DELTA.fullmatch(name)
    return None if match is None else (match[1], match[2])


def delta_fault(head: bytes, dictionary: str, size: int) -> str | None:
    """Return why a file cannot be a delta of ``size`` bytes for a dictionary, or None if it can.

    Browsers fail to load a delta with another dictionary in its head, and do not try again.
    """
    if head[:DCZ_HEAD] != DCZ_MAGIC + bytes.fromhex(dictionary):
        return "it does not begin with the dictionary in its name"
    return zstd_fault(head[DCZ_HEAD:], b"", size)
