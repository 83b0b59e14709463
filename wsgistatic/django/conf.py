"""What is served where, by STATIC_URL, STATIC_ROOT, MEDIA_URL, MEDIA_ROOT and WSGISTATIC.

Strategy: where something is wrong, ``SettingsError`` is raised with the words and the id that
the system check shows; ``wrap`` lets it out.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wsgistatic.http.paths import parse_prefix
from wsgistatic.validation import check_bool
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import OPTIONS

Kind = Literal["STATIC", "MEDIA"]

# Options that are not those of StaticFiles.
_OWN = {"STATIC": ("media", "finders", "prefix"), "MEDIA": ("attachment", "prefix")}
_NAMES = {"STATIC": "WSGISTATIC", "MEDIA": "WSGISTATIC['media']"}
# An upload is not the page of its folder, nor another upload's compressed form; and before the
# first one there is no folder.
_UPLOADS = {"index": None, "encodings": (), "check_dir": False}


class SettingsError(ImproperlyConfigured):
    """A setting is wrong.

    Attributes:
        id: of the check's message; a W in it: a later step may put it right.
        message: what is wrong.
        hint: what to do.
    """

    def __init__(self, id: str, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.id = f"wsgistatic.{id}"
        self.message = message
        self.hint = hint


class Place(NamedTuple):
    """Files of one kind.

    Attributes:
        prefix: of PATH_INFO.
        root: the directory; empty where the finders are asked.
        options: for ``StaticFiles``.
    """

    prefix: str
    root: str
    options: dict[str, Any]


def static_place() -> Place:
    """Read how static files are served."""
    options = _options("STATIC")
    place = _place("STATIC", "" if uses_finders() else _root("STATIC"))
    if place.root and options.get("check_dir", True) and not os.path.isdir(place.root):
        raise SettingsError(
            "W002", f"STATIC_ROOT is {place.root!r}, which is no directory.", "Run collectstatic."
        )
    return place


def media_place() -> Place:
    """Read how uploads are served."""
    place = _place("MEDIA", _root("MEDIA"))
    _keep_apart(place)
    return place._replace(options={**_UPLOADS, **place.options})


def uses_finders() -> bool:
    """Tell whether the staticfiles finders are asked, instead of STATIC_ROOT."""
    return _own_bool("STATIC", "finders", bool(settings.DEBUG))


def sends_attachments() -> bool:
    """Tell whether uploads are to be saved rather than shown."""
    return _own_bool("MEDIA", "attachment", False)


def wants_media() -> bool:
    """Tell whether uploads are to be served."""
    return _setting().get("media", False) is not False


def has_media() -> bool:
    """Tell whether uploads are to be served, or there is a place for them and nothing is said."""
    if "media" in _setting():
        return wants_media()
    url = _raw_url("MEDIA")
    return bool(url and settings.MEDIA_ROOT) and not urlsplit(url).netloc


def _setting() -> dict[str, Any]:
    value = getattr(settings, "WSGISTATIC", {})
    if not isinstance(value, dict):
        raise SettingsError(
            "E001", f"WSGISTATIC must be a dict, not {value!r}.", 'Such as {"stat_ttl": 1.0}.'
        )
    return value


def _options(kind: Kind) -> dict[str, Any]:
    """Give the options of a kind, all of them known."""
    options: Any = _setting()
    if kind == "MEDIA":
        media = options.get("media", True)
        options = {} if isinstance(media, bool) else media
    if not isinstance(options, dict):
        raise SettingsError(
            "E003",
            f"{_NAMES[kind]} must be True, False or a dict of options, not {options!r}.",
            "True serves MEDIA_ROOT at MEDIA_URL.",
        )
    known = sorted({*OPTIONS, *_OWN[kind]})
    unknown = [name for name in options if name not in known]
    if unknown:
        close = get_close_matches(str(unknown[0]), known, 1)
        raise SettingsError(
            "E002",
            f"{_NAMES[kind]} has the unknown option {', '.join(map(repr, unknown))}.",
            f"Did you mean {close[0]!r}?" if close else f"The options are {', '.join(known)}.",
        )
    return options


def _own_bool(kind: Kind, name: str, default: bool) -> bool:
    value = _options(kind).get(name, default)
    try:
        check_bool(name, value)
    except TypeError as error:
        raise _wrong_value(kind, error) from None
    return bool(value)


def _place(kind: Kind, root: str) -> Place:
    """Put the place together as StaticFiles will take it."""
    options = {name: value for name, value in _options(kind).items() if name not in _OWN[kind]}
    prefix = _prefix(kind)
    try:
        directory = root if os.path.isdir(root) else os.curdir
        # Around an app, as it will be: some options go without one only.
        StaticFiles(lambda environ, start_response: [], directory, prefix, **options)
    except (TypeError, ValueError) as error:
        raise _wrong_value(kind, error) from None
    return Place(prefix, root, options)


def _prefix(kind: Kind) -> str:
    """Find the prefix of PATH_INFO: the path of the URL, without the script name."""
    options = _options(kind)
    if "prefix" in options:
        return _checked_prefix(kind, options["prefix"])
    url = _raw_url(kind)
    if not isinstance(url, str) or not url:
        raise SettingsError(
            "E004", f"{kind}_URL is not set.", f'Such as {kind}_URL = "/{kind.lower()}/".'
        )
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _wrong_value(kind, error) from None
    if parts.scheme or parts.netloc:
        raise SettingsError(
            "E005",
            f"{kind}_URL is {url!r}, on a host of its own; files can be served at a path only.",
            f"Where that host fetches them from here, {_NAMES[kind]} needs the path that it asks "
            f'for: {{"prefix": "{parts.path or "/"}"}}.',
        )
    script_name = (settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    below = url.removeprefix(script_name) if url.startswith(script_name + "/") else url
    return _checked_prefix(kind, unquote(below))


def _checked_prefix(kind: Kind, prefix: str) -> str:
    try:
        parse_prefix(prefix)
    except (TypeError, ValueError) as error:
        raise _wrong_value(kind, error) from None
    return prefix


def _raw_url(kind: Kind) -> Any:
    """Give STATIC_URL or MEDIA_URL as it is written.

    To ask ``settings`` itself would complete a relative one with the script name of the moment,
    and for good: before the first request that is the wrong one.
    """
    return getattr(settings._wrapped, f"{kind}_URL")


def _root(kind: Kind) -> str:
    root = getattr(settings, f"{kind}_ROOT")
    if not root:
        if kind == "STATIC":
            raise SettingsError("W001", "STATIC_ROOT is not set.", "collectstatic needs it too.")
        raise SettingsError("E006", "MEDIA_ROOT is not set.", "Uploads have to be somewhere.")
    if not isinstance(root, (str, os.PathLike)):
        raise _wrong_value(kind, TypeError(f"{kind}_ROOT must be a path, not {root!r}"))
    return os.path.join(os.getcwd(), os.fspath(root))


def _keep_apart(media: Place) -> None:
    """See that no upload can be had as a static file, without the policy for uploads."""
    if parse_prefix(media.prefix) == parse_prefix(_prefix("STATIC")):
        raise SettingsError(
            "E007", "MEDIA_URL and STATIC_URL are the same.", "Give each a path of its own."
        )
    if settings.STATIC_ROOT:
        static_root, media_root = map(os.path.realpath, (_root("STATIC"), media.root))
        if _is_inside(static_root, media_root) or _is_inside(media_root, static_root):
            raise SettingsError(
                "E008",
                "One of MEDIA_ROOT and STATIC_ROOT is inside the other.",
                "An upload could be had as a static file: give each a directory of its own.",
            )


def _is_inside(path: str, directory: str) -> bool:
    return PurePath(path).is_relative_to(directory)


def _wrong_value(kind: Kind, error: Exception) -> SettingsError:
    return SettingsError("E003", f"{_NAMES[kind]}: {error}.", "See the options of StaticFiles.")
