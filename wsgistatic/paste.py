"""PasteDeploy: ``use = egg:wsgistatic`` as an app or a filter of an ``.ini`` file.

Strategy: an ``.ini`` file knows text only, so each option of ``StaticFiles`` stands in one table
with what makes its value of text. What a value may be stays the business of ``StaticFiles``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wsgistatic.middleware import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Takes the name of an option and its text; gives its value or raises ValueError.
Converter = Callable[[str, str], Any]

_BOOLS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_BOOLS_OR_NONE = {**_BOOLS, "none": None}
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_INTEGER = re.compile(r"[0-9]{1,18}")
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMG]iB|)")


def make_app(global_conf: Mapping[str, str], /, **options: str) -> StaticFiles:
    """Make a complete app (``paste.app_factory``), which answers 404 and 405 itself.

    Arguments:
        global_conf: what PasteDeploy knows of the file; ``here`` is its folder.
        options: those of ``StaticFiles``, as text; ``directory`` is required, and a relative one
            starts at ``here``.

    Raises:
        ValueError: naming the option, the value and what is allowed.
    """
    return _static_files(None, global_conf, options)


def make_filter_app(
    app: WSGIApplication, global_conf: Mapping[str, str], /, **options: str
) -> StaticFiles:
    """Wrap an app (``paste.filter_app_factory``); arguments and errors are those of ``make_app``.

    Arguments:
        app: the WSGI app that gets every miss.
        global_conf: what PasteDeploy knows of the file.
        options: those of ``StaticFiles``, as text.
    """
    return _static_files(app, global_conf, options)


def _static_files(
    app: WSGIApplication | None, global_conf: Mapping[str, str], options: dict[str, str]
) -> StaticFiles:
    unknown = sorted(options.keys() - CONVERTERS.keys())
    if unknown:
        allowed = ", ".join(sorted(CONVERTERS))
        raise ValueError(f"there is no option {unknown[0]!r}; allowed are {allowed}")
    if not options.get("directory"):
        raise ValueError("directory is required: the path of the folder to serve")
    values = {name: CONVERTERS[name](name, text) for name, text in options.items()}
    values["directory"] = os.path.join(global_conf.get("here", ""), values["directory"])
    return StaticFiles(app, **values)


def _text(option: str, text: str) -> str:
    return text


def _text_or_none(option: str, text: str) -> str | None:
    return None if text.lower() == "none" else text


def _one_of(words: Mapping[str, bool | None]) -> Converter:
    def convert(option: str, text: str) -> bool | None:
        if text.lower() not in words:
            raise ValueError(f"{option} must be one of {', '.join(words)}, not {text!r}")
        return words[text.lower()]

    return convert


def _integer(option: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{option} must be a whole number, such as 200, not {text!r}")
    return int(text)


def _seconds(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} must be a number of seconds, not {text!r}") from None


def _size(option: str, text: str) -> int:
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(
            f"{option} must be a number of bytes, KiB, MiB or GiB, such as 65536 or 64 KiB, "
            f"not {text!r}"
        )
    return int(size[1]) * _UNITS[size[2]]


def _media_types(option: str, text: str) -> dict[str, str]:
    media_types = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, media_type = (part.strip() for part in line.partition("="))
        if not equals:
            raise ValueError(f"{option} must have lines such as .ext = text/plain, not {line!r}")
        media_types[name] = media_type
    return media_types


def _headers(option: str, text: str) -> dict[str, str] | None:
    if text.lower() == "none":
        return None
    headers = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise ValueError(f"{option} must have lines such as X-Name: value, not {line!r}")
        headers[name] = value
    return headers


def _words(option: str, text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else tuple(text.split())


def _words_or_none(option: str, text: str) -> tuple[str, ...] | None:
    return _words(option, text) or None


CONVERTERS: dict[str, Converter] = {
    "directory": _text,
    "prefix": _text,
    "index": _text_or_none,
    "symlinks": _text,
    "dotfiles": _one_of(_BOOLS),
    "listing": _one_of(_BOOLS),
    "fallback": _text_or_none,
    "not_found": _text_or_none,
    "clean_urls": _one_of(_BOOLS),
    "check_dir": _one_of(_BOOLS),
    "stat_ttl": _seconds,
    "cache_size": _size,
    "cache_file_size": _size,
    "cache_control": _text_or_none,
    "allow_origin": _text_or_none,
    "nosniff": _one_of(_BOOLS),
    "media_types": _media_types,
    "charset": _text_or_none,
    "etag": _text_or_none,
    "block_size": _size,
    "max_ranges": _integer,
    "file_wrapper": _one_of(_BOOLS_OR_NONE),
    "encodings": _words,
    "compress": _one_of(_BOOLS),
    "headers": _headers,
    "no_store_misses": _one_of(_BOOLS),
    "immutable": _text_or_none,
    "offload": _words_or_none,
}
