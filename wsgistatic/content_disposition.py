"""Content-Disposition with a file name of any characters (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
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
