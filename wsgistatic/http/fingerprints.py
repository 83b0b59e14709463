"""Names that contain a fingerprint of the content, and the values of Subresource Integrity.

``app.css`` becomes ``app.3f2a9c01d4e7.css``, and ``LICENSE`` becomes ``LICENSE.3f2a9c01d4e7``.
Names that begin with a dot have no such form, since the option ``dotfiles`` refers to whole names.
"""

from __future__ import annotations

import re
from base64 import b64encode

from wsgistatic.http.paths import SplitPath

_LENGTH = 12  # hexadecimal digits
# Only a name without another dot has its fingerprint at the end, so there is only one way to read a
# name.
_NAME = re.compile(r"([^.][^/]*)\.([0-9a-f]{12})(\.[^.]*)|([^.]+)\.([0-9a-f]{12})", re.DOTALL)

# Finds out whether the end of a path looks like a name with a fingerprint. Each miss needs it.
has_fingerprint = re.compile(r"\.[0-9a-f]{12}(?:\.[^./]*)?\Z").search


def fingerprint_of(sha384: bytes) -> str:
    """Return the fingerprint for a digest of the content."""
    return sha384.hex()[:_LENGTH]


def integrity_of(sha384: bytes) -> str:
    """Return the value of the attribute ``integrity`` (W3C Subresource Integrity 3.1)."""
    return f"sha384-{b64encode(sha384).decode()}"


def with_fingerprint(path: SplitPath, fingerprint: str) -> SplitPath:
    """Return the path of a file with a fingerprint in its last name, if that can have one."""
    *above, name = path.segments
    if name.startswith("."):
        return path
    stem, dot, extension = name.rpartition(".")
    if dot:
        return SplitPath((*above, f"{stem}.{fingerprint}.{extension}"), False)
    return SplitPath((*above, f"{name}.{fingerprint}"), False)


def split_fingerprint(path: SplitPath) -> tuple[SplitPath, str] | None:
    """Return the plain path and the fingerprint, or None if the last name has none."""
    if path.is_directory or not path.segments:
        return None
    *above, name = path.segments
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    stem, fingerprint, extension, bare, end = match.groups()
    plain = bare or stem + extension
    return SplitPath((*above, plain), False), end or fingerprint
