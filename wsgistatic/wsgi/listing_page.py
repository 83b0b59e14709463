"""Render the entries of a directory as HTML or JSON.

A name is displayed with its misleading characters escaped, while its link has the real bytes.
Links are relative, so that they work wherever the app is mounted. They have the plainest form,
``<a href="NAME">NAME</a>``, because many programs read such pages without an HTML parser. The page
loads no script, image or font, and its stylesheet is constant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from wsgistatic.http.paths import quote_name


class Entry(NamedTuple):
    """A file or directory in a listing."""

    name: str  # as returned by os.fsdecode, with any character but "/" and NUL
    is_directory: bool
    size: int  # bytes of a file; 0 for a directory
    modified: int  # seconds since the epoch


def sort_key(name: str, is_directory: bool) -> str:
    """Return a key that sorts directories first, ignores case, and sorts numbers by their value.

    The key ends in a NUL, which no name contains, and the name itself. A single string per entry
    is therefore all that is in memory until a directory is sorted.
    """
    natural = re.sub("[0-9]+", _counted, name.casefold())
    return f"{'01'[not is_directory]}{natural}\0{name}"


def from_sort_key(key: str) -> tuple[str, bool]:
    """Return the name in a sort key, and whether it is that of a directory."""
    return key.rpartition("\0")[2], key[0] == "0"


def _counted(digits: re.Match[str]) -> str:
    # The number with more digits is greater. The leading "0" sorts numbers among other characters
    # where digits belong.
    number = digits[0].lstrip("0")
    return f"0{chr(ord('0') + len(number))}{number}"


STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1d1f21;--soft:#5c6166;--line:#e4e5e7;
--link:#0b57b0;--been:#6a3d9a;--folder:#c98a10;--file:#a9aeb4;--over:#f2f5f9}
@media (prefers-color-scheme:dark){:root{--back:#17191c;--text:#e6e7e8;--soft:#a2a7ad;
--line:#2e3236;--link:#8ab8f5;--been:#c7a6ee;--folder:#d9a441;--file:#7c838a;--over:#212529}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:60rem;padding:1.25rem max(1rem,env(safe-area-inset-right))
2rem max(1rem,env(safe-area-inset-left));background:var(--back);color:var(--text);
font:1rem/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
a{color:var(--link);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
h1{margin:0 .5rem 1rem;font-size:1.25rem;font-weight:600;line-height:1.6}
h1 span{color:var(--soft);font-weight:400;padding:0 .2em}
table{width:100%;border-collapse:collapse;table-layout:fixed}
th{padding:.4rem .5rem;font-size:.8125rem;font-weight:500;text-align:left;color:var(--soft)}
th,td{border-bottom:1px solid var(--line)}
td{padding:0 .5rem;color:var(--soft);font-size:.875rem;font-variant-numeric:tabular-nums;
white-space:nowrap}
tr:hover td{background:var(--over)}
td:first-child{padding:0;white-space:normal;font-size:1rem}
th:nth-child(2),td:nth-child(2){width:7rem;text-align:right}
th:nth-child(3),td:nth-child(3){width:10.5rem;text-align:right}
td a{display:block;position:relative;padding:.5rem .5rem .5rem 2.25rem;text-align:left;
unicode-bidi:plaintext}
td a:visited{color:var(--been)}
td a::before{content:"";position:absolute;left:.6rem;top:.8rem;width:.8rem;height:1rem;
background:var(--file);clip-path:polygon(0 0,62% 0,100% 30%,100% 100%,0 100%)}
td a[href$="/"]::before{left:.5rem;top:.85rem;width:1.1rem;height:.9rem;background:var(--folder);
clip-path:polygon(0 0,40% 0,52% 18%,100% 18%,100% 100%,0 100%)}
i{font:.8em ui-monospace,Menlo,Consolas,monospace;color:var(--soft);
border:1px solid var(--line);border-radius:.25em;padding:0 .15em}
p{margin:1rem .5rem 0;font-size:.875rem;color:var(--soft)}
@media (max-width:40rem){
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{display:flex;flex-wrap:wrap;position:relative;border-bottom:1px solid var(--line)}
td{border:0;flex:none;padding-bottom:.55rem}
td:first-child{flex:1 0 100%;min-width:0}
td a{position:static;padding:.55rem 0 .05rem 2rem}
td a::after{content:"";position:absolute;inset:0}
time::after{content:" UTC"}
td a::before{left:.25rem}
td a[href$="/"]::before{left:.15rem}
td:nth-child(2),td:nth-child(3){width:auto;text-align:left;font-size:.8125rem}
td:nth-child(2){padding-left:2rem;padding-right:1rem}
td:nth-child(2):empty{padding:0 0 0 2rem}
td:nth-child(3){padding-left:0}
h1,p{margin-left:0;margin-right:0}
}
"""

# C0 and C1 controls, direction marks and overrides, line separators, the byte order mark, and the
# surrogates that os.fsdecode returns for undecodable bytes.
_MISLEADING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_EPOCH = datetime(1970, 1, 1)
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def html_page(root: str, segments: Sequence[str], entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the page of the directory at ``segments`` below a decoded URL path, in pieces.

    The first piece comes before any entry is read.
    """
    label = _shown("/".join([root.rstrip("/"), *segments, ""]), "%s")
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # Search engines should find the files, not the list.
        '<meta name="robots" content="noindex">\n'
        f"<title>Index of {label}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<nav aria-label="Path"><h1>{_breadcrumbs(root, segments)}</h1></nav>\n<main>\n'
    )
    directories = files = size = 0
    for entry in entries:
        row = _row(entry)
        yield row if directories or files else _TABLE + row
        directories += entry.is_directory
        files += not entry.is_directory
        size += entry.size
    end = "</tbody>\n</table>\n" if directories or files else ""
    yield f"{end}<p>{_summary(directories, files, size)}</p>\n</main>\n</body>\n</html>\n"


def json_array(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a JSON array (ASCII only) in pieces, with an object for each entry.

    ``name`` is for display: undecodable bytes become U+FFFD. ``url`` is exact, and relative to the
    URL of the directory.
    """
    yield "["
    before = ""
    for entry in entries:
        fields = {
            "name": re.sub("[\ud800-\udfff]", "\ufffd", entry.name),
            "type": "directory" if entry.is_directory else "file",
            "size": None if entry.is_directory else entry.size,
            "modified": _timestamp(entry.modified),
            "url": _url(entry),
        }
        yield f"{before}\n{json.dumps(fields)}"
        before = ","
    yield "\n]\n"


_TABLE = (
    '<table>\n<thead><tr><th scope="col">Name</th><th scope="col">Size</th>'
    '<th scope="col">Modified (UTC)</th></tr></thead>\n<tbody>\n'
)


def _row(entry: Entry) -> str:
    mark = "/" if entry.is_directory else ""
    size = "" if entry.is_directory else _size_markup(entry.size)
    stamp = _timestamp(entry.modified)
    time = f'<time datetime="{stamp}">{stamp[:10]} {stamp[11:16]}</time>' if stamp else ""
    return (
        f'<tr><td><a href="{_url(entry)}">{_shown(entry.name)}{mark}</a></td>'
        f"<td>{size}</td><td>{time}</td></tr>\n"
    )


def _breadcrumbs(root: str, segments: Sequence[str]) -> str:
    labels = [root.rstrip("/") or "/", *segments]
    last = len(labels) - 1
    crumbs = []
    for depth, label in enumerate(labels):
        name = f"<bdi>{_shown(label)}</bdi>"
        href = "../" * (last - depth)
        crumbs.append(f'<a href="{href}">{name}</a>' if href else name)
    separator = "<span>/</span>"
    return crumbs[0] + (" " if labels[0] == "/" else separator) + separator.join(crumbs[1:])


def _url(entry: Entry) -> str:
    return quote_name(entry.name) + ("/" if entry.is_directory else "")


def _summary(directories: int, files: int, size: int) -> str:
    """Return the line that counts the entries. A page without it was truncated."""
    counts = []
    if directories:
        counts.append(f"{directories} folder{'s' if directories > 1 else ''}")
    if files:
        counts.append(f"{files} file{'s' if files > 1 else ''}, {_size_markup(size)}")
    return ", ".join(counts) or "This folder is empty."


def _size_markup(size: int) -> str:
    exact = f"{size} byte{'s' if size != 1 else ''}"
    return exact if size < 1024 else f'<span title="{exact}">{human_size(size)}</span>'


def human_size(size: int) -> str:
    """Return a number of bytes, at least 1024, with about three digits and a unit."""
    value, unit = size / 1024, 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.{1 if value < 99.95 else 0}f} {_UNITS[unit]}"


def _timestamp(seconds: int) -> str | None:
    """Return seconds since the epoch in the form of RFC 3339, or None after the year 9999."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"
    except OverflowError:
        return None


def _shown(text: str, frame: str = "<i>%s</i>") -> str:
    """Escape text for HTML, and put an escape sequence in a frame for misleading characters."""
    if text.isascii() and text.isprintable():
        return escape(text)
    return _MISLEADING.sub(lambda match: frame % _spelled(match[0]), escape(text))


def _spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # an undecodable byte (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
