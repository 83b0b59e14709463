"""From PATH_INFO to the names of a file, and from names back to a Location.

Strategy: nothing is repaired. A path is either the one canonical spelling of a file's URL, or it
is a miss before the file system is asked. Bytes are decoded once (PEP 3333 hands them over as
Latin-1 text); a percent sign that is still there is a percent sign.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import quote

ON_WINDOWS = os.name == "nt"

# RFC 3986 3.3: pchar without percent-encoding; quote() adds ALPHA / DIGIT / "_.-~" itself.
_PCHAR = "/:@!$&'()*+,;="
_LINK = _PCHAR.translate({ord(c): None for c in "/;"})
# The query stays as it came: all of visible ASCII but "#", which would begin a fragment.
_QUERY = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != "#")

# Names that open a device in every directory of a Windows file system, whatever the extension.
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.I)
# Separators, drives and streams, wildcards, control characters.
_WINDOWS_RESERVED = re.compile(r'[\\:*?"<>|\x00-\x1f]')
# A generated 8.3 alias: GIT~1 is another name of .git.
_WINDOWS_SHORT_NAME = re.compile(r"(?=[^.]{1,8}(?:\.|\Z))[^.]*~[0-9]+(?:\.[^.]{0,3})?")

# Bytes of a path below the prefix: PATH_MAX of Linux. Only a link to a directory above (self -> .)
# would make more of it lead anywhere, and to resolve that costs the square of its length.
_LONGEST_PATH = 4096

WELL_KNOWN = ".well-known"  # RFC 8615: public by definition


class SplitPath(NamedTuple):
    """A canonical path below the prefix: its names, and whether it ended in a slash."""

    segments: tuple[str, ...]
    is_directory: bool


def parse_prefix(prefix: str) -> str:
    """Give the PATH_INFO form of a prefix: ``""`` for the root, else ``"/a/b"``.

    Arguments:
        prefix: a URL path as text, not percent-encoded; slashes at its ends do not matter.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str such as '/static/', not {prefix!r}")
    stripped = prefix.strip("/")
    segments = stripped.split("/")
    if "://" in prefix or re.search(r"[?#%\x00-\x1f\x7f]", prefix):
        raise ValueError(
            f"prefix must be a URL path such as '/static/', decoded and without host or query, "
            f"not {prefix!r}"
        )
    if not stripped:
        return ""
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError(f"prefix must not have empty, '.' or '..' segments, as {prefix!r} has")
    try:
        return "/" + stripped.encode("utf-8").decode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"prefix must be valid Unicode text, not {prefix!r}") from None


def split_path(
    path: str, *, dotfiles: bool = False, windows: bool = ON_WINDOWS
) -> SplitPath | None:
    """Split a path below the prefix into file names; None where it names nothing we serve.

    Arguments:
        path: ``""`` or ``"/..."``, PEP 3333 text (bytes as Latin-1).
        dotfiles: allow names that begin with a dot.
        windows: refuse names that have a special meaning on a Windows file system.
    """
    try:
        raw = path.encode("latin-1")
        text = raw.decode("utf-8") if windows else os.fsdecode(raw)
    except UnicodeError:
        return None  # characters above U+00FF, lone surrogates: no byte string of any request
    if "\0" in text or len(raw) > _LONGEST_PATH:
        return None
    segments = text.split("/")[1:]
    is_directory = text.endswith("/")
    if is_directory:
        segments.pop()
    for segment in segments:
        if not is_served_name(segment, dotfiles=dotfiles, windows=windows):
            return None
    return SplitPath(tuple(segments), is_directory)


def is_served_name(segment: str, *, dotfiles: bool = False, windows: bool = ON_WINDOWS) -> bool:
    """Tell whether a URL may have this segment; arguments as ``split_path``."""
    if segment in ("", ".", ".."):
        return False
    if segment[0] == "." and not dotfiles and segment != WELL_KNOWN:
        return False
    return not (windows and _means_something_on_windows(segment))


def _means_something_on_windows(segment: str) -> bool:
    stem = segment.partition(".")[0].rstrip(" ")
    return (
        segment[-1] in ". "
        or _WINDOWS_RESERVED.search(segment) is not None
        or _WINDOWS_DEVICE.fullmatch(stem) is not None
        or _WINDOWS_SHORT_NAME.fullmatch(segment) is not None
    )


def directory_location(script_name: str, path_info: str, query: str) -> str:
    """Build the Location of a directory: as ``file_location``, but ending in one slash."""
    return _location(script_name + path_info, "/", query)


def file_location(script_name: str, path_info: str, query: str) -> str:
    """Build the Location of a file: an absolute path, query kept.

    It can never name another host (RFC 3986 4.2: a reference that begins with two slashes does;
    browsers take a backslash for a slash): leading slashes become one, the rest is quoted.
    """
    return _location(script_name + path_info, "", query)


def _location(path: str, end: str, query: str) -> str:
    stripped = quote_path(path).strip("/")
    location = f"/{stripped}{end}" if stripped else "/"
    if query:
        location += "?" + quote(_wire_bytes(query), safe=_QUERY)
    return location


def url_path(prefix: str, path: SplitPath) -> str:
    """Give the quoted URL path of a file, with its prefix (as ``parse_prefix`` gave it)."""
    names = [quote(os.fsencode(segment), safe=_PCHAR) for segment in path.segments]
    if path.is_directory:
        names.append("")
    return "/".join([quote_path(prefix), *names])


def quote_path(path: str) -> str:
    """Percent-encode a path of PEP 3333 text."""
    return quote(_wire_bytes(path), safe=_PCHAR)


def quote_name(name: str) -> str:
    """Percent-encode a file name (as ``os.fsdecode`` gives it) as a segment of a link.

    ";" is encoded too: clients that know of parameters (RFC 2396) lose it at a segment's end.
    """
    return quote(os.fsencode(name), safe=_LINK)


def path_name(path: str) -> str:
    """Give a path of PEP 3333 text as text to read; bytes that are no UTF-8 are surrogates."""
    return _wire_bytes(path).decode("utf-8", "surrogateescape")


def _wire_bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # from a server that broke PEP 3333
        return text.encode("utf-8", "surrogatepass")
