"""Content-Disposition with a file name of any characters (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Literal
from urllib.parse import quote

# RFC 8187 3.2.1: attr-char, besides letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"
# What older recipients get: no quote, no backslash, no "%" (some decode it), no control.
_UNSAFE = re.compile(r"[^ !#-$&-\[\]-~]")
# Surrogates that stand for no byte (PEP 383: U+DC80 to U+DCFF do).
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def content_disposition(kind: Literal["attachment", "inline"], name: str) -> str:
    """Give the value of Content-Disposition.

    Arguments:
        kind: ``"attachment"`` to save it, ``"inline"`` to show it.
        name: file name offered to the user, as Python has it from the file system.

    Returns:
        ``filename`` alone where that can say the name, else also ``filename*`` in UTF-8
        (RFC 6266 4.3: recipients "SHOULD pick" that one).
    """
    name = name.replace("/", "_").replace("\\", "_")
    plain = _UNSAFE.sub("_", name)
    if plain == name:
        return f'{kind}; filename="{plain}"'
    encoded = quote(_as_text(name).encode(), safe=_ATTR_CHARS)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _as_text(name: str) -> str:
    """Give a name without what is no text; its bytes are UTF-8, whatever the locale says."""
    raw = _NO_BYTE.sub("\ufffd", name).encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "replace")


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


def add_vary(fields: list[tuple[str, str]], names: str) -> list[tuple[str, str]]:
    """Give header fields with request fields added to Vary (12.5.5)."""
    already = [value for name, value in fields if name.lower() == "vary"]
    others = [field for field in fields if field[0].lower() != "vary"]
    return [*others, ("Vary", ", ".join([*already, names]))]


TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 5.6.2
# 12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
QVALUE = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"
# RFC 9110 5.5: field-content is visible text, spaces and tabs; CR, LF and NUL end a header.
_FIELD_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t \x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
# They tell what is sent (ours to say) or belong to the connection (PEP 3333: the server's).
_RESERVED = (
    *("accept-ranges", "content-encoding", "content-length", "content-range", "etag"),
    *("last-modified", "connection", "keep-alive", "proxy-authenticate", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
)


def check_field_value(option: str, value: object, alternatives: str = "") -> None:
    """Check a configured header value.

    Arguments:
        alternatives: what else is allowed, such as ``" or None"``.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str{alternatives}, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(
            f"{option} must be a header value of printable Latin-1 characters, not {value!r}"
        )


def check_field(name: object, value: object) -> None:
    """Check a header field that the user configured with the option ``headers``.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if not isinstance(name, str):
        raise TypeError(f"headers must have field names of str, not {name!r}")
    if not re.fullmatch(TOKEN, name):
        raise ValueError(f"headers must have field names that are tokens, not {name!r}")
    if name.lower() in _RESERVED:
        raise ValueError(f"headers must not set {name}, which is not for an option to say")
    check_field_value(f"headers[{name!r}]", value)


Headers = list[tuple[str, str]]
