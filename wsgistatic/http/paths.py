"""Translate between URLs and file names: PATH_INFO to names, names to links and Locations.

Nothing is normalised. A path that is not the one canonical spelling of a file's URL is a miss, and
the file system is not accessed. PEP 3333 passes the bytes of a path as Latin-1 text, with
percent-encoding already removed. A percent sign that is still there belongs to the name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import quote

ON_WINDOWS = os.name == "nt"

WELL_KNOWN = ".well-known"  # public by definition (RFC 8615), though its name begins with a dot

# PATH_MAX of Linux, in bytes. A longer path could only exist through a link to a directory above it
# (self -> .), and the cost of resolving such a path grows with the square of its length.
_MAX_PATH_LENGTH = 4096


# Nothing but names that need no check and no decoding, which is what nearly every client requests.
_PLAIN_PATH = re.compile(r"(?:/[0-9A-Za-z_-][0-9A-Za-z_.-]*)+")

# The form of 8.3 aliases, such as GIT~1 for .git, which FAT, NTFS and SMB generate. Samba may put a
# letter after the tilde.
_ALIAS = re.compile(r"(?=[^.]{1,8}(?:\.|\Z))[^.]*~[0-9A-Za-z]+(?:\.[^.]{0,3})?")

# The option ``dotfiles``: all names that begin with a dot, none, or the names and patterns.
Dotfiles = bool | Sequence[str]


class SplitPath(NamedTuple):
    """The names in a canonical path below the prefix."""

    segments: tuple[str, ...]
    is_directory: bool  # whether the path ends in a slash


def parse_prefix(prefix: str) -> str:
    """Check the option ``prefix`` and return it as in PATH_INFO: ``""`` or ``"/a/b"``."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str such as '/static/', not {prefix!r}")
    if "://" in prefix or re.search(r"[?#%\x00-\x1f\x7f]", prefix):
        raise ValueError(
            "prefix must be a URL path such as '/static/' (not percent-encoded, without host or "
            f"query), not {prefix!r}"
        )
    stripped = prefix.strip("/")
    if not stripped:
        return ""
    if not {"", ".", ".."}.isdisjoint(stripped.split("/")):
        raise ValueError(f"prefix must not have empty, '.' or '..' segments: {prefix!r}")
    try:
        return "/" + stripped.encode("utf-8").decode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"prefix must be valid Unicode text, not {prefix!r}") from None


def split_path(
    path: str, *, dotfiles: Dotfiles = False, windows: bool = ON_WINDOWS
) -> SplitPath | None:
    """Split PEP 3333 text, ``""`` or ``"/..."``, into file names; return None for other paths."""
    if not windows and len(path) <= _MAX_PATH_LENGTH and _PLAIN_PATH.fullmatch(path):
        return SplitPath(tuple(path[1:].split("/")), False)  # 0.6 us instead of 1.2
    try:
        raw = path.encode("latin-1")
        text = raw.decode("utf-8") if windows else os.fsdecode(raw)
    except UnicodeError:
        return None  # a character above U+00FF or a lone surrogate; no request can contain these
    if "\0" in text or len(raw) > _MAX_PATH_LENGTH:
        return None
    segments = text.split("/")[1:]
    is_directory = text.endswith("/")
    if is_directory:
        segments.pop()
    for segment in segments:
        if not is_served_name(segment, dotfiles=dotfiles, windows=windows):
            return None
    return SplitPath(tuple(segments), is_directory)


def is_served_name(segment: str, *, dotfiles: Dotfiles = False, windows: bool = ON_WINDOWS) -> bool:
    """Return whether a name may be part of a URL; ``windows`` excludes what is special there."""
    if segment in ("", ".", ".."):
        return False
    if is_hidden_name(segment, dotfiles):
        return False
    return not (windows and _is_special_on_windows(segment))


def may_be_alias(segment: str) -> bool:
    """Return whether a name could be the 8.3 alias of a file that has another name."""
    # Such file systems also ignore dots and spaces at the end of a name.
    return "~" in segment and _ALIAS.fullmatch(segment.rstrip(". ")) is not None


def is_hidden_name(segment: str, dotfiles: Dotfiles) -> bool:
    """Return whether a name begins with a dot and is not served for that reason."""
    if segment[0] != "." or segment == WELL_KNOWN:
        return False
    if isinstance(dotfiles, bool):
        return not dotfiles
    return not any(fnmatchcase(segment, pattern) for pattern in dotfiles)


# Names of devices, which exist in every directory of a Windows file system, with any extension.
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.I)
# Separators, drives and streams, wildcards, control characters.
_WINDOWS_RESERVED = re.compile(r'[\\:*?"<>|\x00-\x1f]')
# 8.3 aliases as Windows itself generates them.
_WINDOWS_SHORT_NAME = re.compile(r"(?=[^.]{1,8}(?:\.|\Z))[^.]*~[0-9]+(?:\.[^.]{0,3})?")


def _is_special_on_windows(segment: str) -> bool:
    stem = segment.partition(".")[0].rstrip(" ")
    return (
        segment[-1] in ". "
        or _WINDOWS_RESERVED.search(segment) is not None
        or _WINDOWS_DEVICE.fullmatch(stem) is not None
        or _WINDOWS_SHORT_NAME.fullmatch(segment) is not None
    )


# RFC 3986 3.3: pchar without percent-encoding. quote() adds ALPHA / DIGIT / "_.-~" itself.
_PCHAR = "/:@!$&'()*+,;="
_NEEDS_NO_QUOTING = re.compile(rf"[0-9A-Za-z_.~{re.escape(_PCHAR)}-]*")
# A query keeps every visible ASCII character but "#", which would begin a fragment.
_QUERY = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != "#")


def relative_location(name: str, query: str, end: str = "") -> str:
    """Return a reference to a name beside the requested one, with the query.

    It is relative (RFC 9110 10.2.2), because a proxy may have removed a prefix that only the client
    knows. It can never name another host, because it does not begin with a slash, or with a
    backslash, which browsers take for one. Nor does it have a scheme, because "./" precedes a name
    with a colon (RFC 3986 4.2).

    Arguments:
        name: PEP 3333 text without a slash; ``""`` for the folder itself.
        end: Text after the name, "/" or nothing.
    """
    location = quote_path(name) + end if name else "./"
    if ":" in location:
        location = "./" + location
    if query:
        location += "?" + quote(_to_bytes(query), safe=_QUERY)
    return location


def url_path(prefix: str, path: SplitPath) -> str:
    """Return the percent-encoded URL path of a file below a prefix from ``parse_prefix``."""
    names = [quote(os.fsencode(segment), safe=_PCHAR) for segment in path.segments]
    return "/".join([quote_path(prefix), *names, *([""] if path.is_directory else [])])


def quote_path(path: str) -> str:
    """Percent-encode a path of PEP 3333 text."""
    if _NEEDS_NO_QUOTING.fullmatch(path):
        return path
    return quote(_to_bytes(path), safe=_PCHAR)


def quote_name(name: str) -> str:
    """Percent-encode a file name, as returned by ``os.fsdecode``, for one segment of a link.

    Programs that read directory pages understand the result. It needs no escaping in HTML, and has
    no colon, which would end a scheme (RFC 3986 4.2). It begins with a letter, a digit or "%",
    since httpdirfs ignores other links.
    """
    quoted = quote(os.fsencode(name), safe="")
    if quoted.startswith(("-", ".", "_", "~")):
        return f"%{ord(quoted[0]):02X}{quoted[1:]}"
    return quoted


def path_name(path: str) -> str:
    """Decode a path of PEP 3333 text for display; undecodable bytes become surrogates."""
    return _to_bytes(path).decode("utf-8", "surrogateescape")


def _to_bytes(text: str) -> bytes:
    """Return the bytes that PEP 3333 text stands for."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # from a server that violates PEP 3333
        return text.encode("utf-8", "surrogatepass")
