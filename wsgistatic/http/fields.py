"""Header fields: the grammar that they share, and the values of a few short ones.

Section numbers without an RFC are those of RFC 9110.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

Headers = list[tuple[str, str]]
Fields = tuple[tuple[str, str], ...]  # not to be changed, and smaller

OWS = " \t"  # 5.6.3, to be stripped
# 5.6.2: token = 1*tchar
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a rule of the grammar, not a password
# 12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
QVALUE = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"

# 5.5: visible characters, with spaces and tabs only between them. CR, LF and NUL are excluded,
# since they could end the header section early.
_FIELD_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t \x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")

_RESERVED = {
    # wsgistatic derives these from what it sends.
    *("accept-ranges", "content-encoding", "content-length", "content-range"),
    *("etag", "last-modified", "location"),
    # These belong to the connection, which the server manages (PEP 3333).
    *("connection", "keep-alive", "proxy-authenticate", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
}


def check_field(name: object, value: object) -> None:
    """Check a header field from the option ``headers``; raise TypeError or ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"headers must have field names of type str, not {name!r}")
    if not re.fullmatch(TOKEN, name):  # 5.1: field-name = token
        raise ValueError(f"headers must have field names that are tokens, not {name!r}")
    if name.lower() in _RESERVED:
        raise ValueError(f"headers must not set {name}: wsgistatic or the server sets it")
    check_field_value(f"headers[{name!r}]", value)


def check_field_value(option: str, value: object, alternatives: str = "") -> str:
    """Return an option sent as a header value; ``alternatives`` such as " or None" complete it."""
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str{alternatives}, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(
            f"{option} must be a header value of printable Latin-1 characters, not {value!r}"
        )
    return value


def add_vary(headers: Sequence[tuple[str, str]], names: str) -> Headers:
    """Return a copy of headers with names of request fields added to Vary (12.5.5)."""
    present = [value for name, value in headers if name.lower() == "vary"]
    others = [field for field in headers if field[0].lower() != "vary"]
    return [*others, ("Vary", ", ".join([*present, names]))]


# RFC 8187 3.2.1: the punctuation of attr-char; quote() leaves letters and digits as they are.
_ATTR_CHAR_PUNCTUATION = "!#$&+-.^_`|~"
# Not safe in a quoted file name: quotes and backslashes, controls and non-ASCII characters, and
# "%", which some recipients decode.
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-$&-\[\]-~]")
# Surrogates that stand for no byte; U+DC80 to U+DCFF stand for undecodable bytes (PEP 383).
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def content_disposition(kind: Literal["attachment", "inline"], name: str) -> str:
    """Return the value of Content-Disposition for a file name (RFC 6266).

    The name may contain undecodable bytes in the form that ``os.fsdecode`` gives them. If the
    parameter ``filename`` cannot express it, ``filename`` holds an approximation, and
    ``filename*`` the name in UTF-8: recipients "SHOULD pick" the latter (RFC 6266 4.3).
    """
    name = name.replace("/", "_").replace("\\", "_")
    plain = _UNSAFE_IN_QUOTES.sub("_", name)
    if plain == name:
        return f'{kind}; filename="{plain}"'
    # Read undecodable bytes as UTF-8, whatever the locale.
    raw = _LONE_SURROGATE.sub("\ufffd", name).encode("utf-8", "surrogateescape")
    encoded = quote(raw.decode("utf-8", "replace"), safe=_ATTR_CHAR_PUNCTUATION)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


# The "as" of a preload by media type (HTML Standard, "preload"); anything else can be fetched by a
# script only.
_DESTINATIONS = {"audio": "audio", "font": "font", "image": "image", "video": "video"}


def preload_link(url: str, media_type: str) -> str:
    """Return a link of the field Link (RFC 8288 3) that makes browsers load a file of a build.

    A preload is used only if its mode and credentials are those of the request that follows. A
    module, like a font, is always requested with CORS; ``modulepreload`` implies that.
    """
    kind, _, subtype = media_type.partition(";")[0].partition("/")
    if subtype == "javascript":
        return f"<{url}>; rel=modulepreload"
    if subtype == "css":
        return f"<{url}>; rel=preload; as=style"
    destination = _DESTINATIONS.get(kind, "fetch")
    cors = "; crossorigin" if destination in ("font", "fetch") else ""
    return f"<{url}>; rel=preload; as={destination}{cors}"


# The field is a Dictionary (RFC 8941 3.2) of algorithms with integers from 0 to 10 (RFC 9530 4).
# A member may have parameters; none has a meaning here.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETERS = rf"(?:;[ ]*{_KEY}(?:=[!-+\--:<-~]*)?)*"
_MEMBER = re.compile(rf"({_KEY})=([0-9]{{1,15}}){_PARAMETERS}")


def wants_sha256(want_repr_digest: str | None) -> bool:
    """Return whether Want-Repr-Digest asks for a SHA-256 digest (RFC 9530 4)."""
    if want_repr_digest is None:
        return False
    preferences = {}
    for member in want_repr_digest.split(","):
        match = _MEMBER.fullmatch(member.strip(OWS))
        if match is None:
            return False  # RFC 8941 4.2: "the entire field value MUST be ignored"
        preferences[match[1]] = int(match[2])
    # RFC 9530 4: 0 means "not acceptable". Above 10 the value is outside the grammar.
    return 1 <= preferences.get("sha-256", 0) <= 10


def repr_digest(sha256: bytes) -> str:
    """Return Repr-Digest for the digest of the whole selected representation (RFC 9530 3)."""
    return f"sha-256=:{b64encode(sha256).decode()}:"
