"""What to serve where, according to WSGISTATIC and STATIC_URL, STATIC_ROOT, MEDIA_URL, MEDIA_ROOT.

A wrong setting raises ``SettingsError``. ``wrap`` lets it propagate, and the system checks report
it under the same id and in the same words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wsgistatic.http.paths import parse_prefix
from wsgistatic.validation import check_bool, closest_name
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import OPTIONS

Kind = Literal["STATIC", "MEDIA"]

# The keys that are not options of StaticFiles.
_OWN = {"STATIC": ("media", "finders", "prefix"), "MEDIA": ("attachment", "prefix")}
_NAMES = {"STATIC": "WSGISTATIC", "MEDIA": "WSGISTATIC['media']"}
# An upload must not become the page of its folder or the compressed form of another upload. The
# folder may not exist before the first upload.
_UPLOADS = {"index": None, "encodings": (), "check_dir": False}


class SettingsError(ImproperlyConfigured):
    """A setting is wrong; the id, message and hint are those of the system check."""

    def __init__(self, id: str, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.id, self.message, self.hint = f"wsgistatic.{id}", message, hint


class Place(NamedTuple):
    """Where files of one kind are, and how to serve them."""

    prefix: str  # of PATH_INFO
    root: str  # path of the directory, or "" to ask the staticfiles finders
    options: dict[str, Any]  # for StaticFiles
    attachment: bool = False  # whether browsers should save the files instead of displaying them


def static_place() -> Place:
    """Return how to serve static files."""
    uses_finders = _own_flag("STATIC", "finders", bool(settings.DEBUG))
    place = _place("STATIC", "" if uses_finders else _root("STATIC"))
    if place.root and place.options.get("check_dir", True) and not os.path.isdir(place.root):
        message = f"STATIC_ROOT is {place.root!r}, which is not a directory."
        raise SettingsError("W002", message, "Run collectstatic.")
    return place


def media_place() -> Place:
    """Return how to serve uploads."""
    place = _place("MEDIA", _root("MEDIA"))
    _require_separate(place)
    attachment = _own_flag("MEDIA", "attachment", False)
    return place._replace(options={**_UPLOADS, **place.options}, attachment=attachment)


def wants_media() -> bool:
    """Return whether WSGISTATIC asks for uploads to be served."""
    return _setting().get("media", False) is not False


def _setting() -> dict[str, Any]:
    value = getattr(settings, "WSGISTATIC", {})
    if not isinstance(value, dict):
        message = f"WSGISTATIC must be a dict, not {value!r}."
        raise SettingsError("E001", message, 'For example: {"stat_ttl": 1.0}.')
    return value


def _options(kind: Kind) -> dict[str, Any]:
    """Return the keys and values of a kind, after checking that all keys are known."""
    name, options = _NAMES[kind], _setting()
    if kind == "MEDIA":
        media = options.get("media", True)
        options = {} if isinstance(media, bool) else media
    if not isinstance(options, dict):
        message = f"{name} must be True, False or a dict of options, not {options!r}."
        raise SettingsError("E003", message, "True serves MEDIA_ROOT at MEDIA_URL.")
    known = sorted({*OPTIONS, *_OWN[kind]})
    unknown = [option for option in options if option not in known]
    if unknown:
        close = closest_name(str(unknown[0]), known)
        hint = f"Did you mean {close!r}?" if close else f"The options are {', '.join(known)}."
        message = f"Unknown option in {name}: {', '.join(map(repr, unknown))}."
        raise SettingsError("E002", message, hint)
    return options


def _own_flag(kind: Kind, name: str, default: bool) -> bool:
    value = _options(kind).get(name, default)
    with _reporting_wrong_values(kind):
        check_bool(name, value)
    return bool(value)


def _place(kind: Kind, root: str) -> Place:
    """Return the place, with options that ``StaticFiles`` accepts."""
    options = {name: value for name, value in _options(kind).items() if name not in _OWN[kind]}
    prefix = _prefix(kind)
    directory = root if os.path.isdir(root) else os.curdir
    with _reporting_wrong_values(kind):
        # Some options are allowed only without an app, so the check needs one.
        StaticFiles(lambda environ, start_response: [], directory, prefix, **options)
    return Place(prefix, root, options)


def _prefix(kind: Kind) -> str:
    """Return the prefix of PATH_INFO: the path of the URL, without the script name."""
    options = _options(kind)
    with _reporting_wrong_values(kind):
        prefix = options["prefix"] if "prefix" in options else _prefix_of_url(kind)
        parse_prefix(prefix)
    return prefix


def _prefix_of_url(kind: Kind) -> str:
    url = _raw_url(kind)
    if not isinstance(url, str) or not url:
        hint = f'For example: {kind}_URL = "/{kind.lower()}/".'
        raise SettingsError("E004", f"{kind}_URL is not set.", hint)
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        hint = "If that host fetches the files from this app, add the path that it requests to "
        hint += f'{_NAMES[kind]}: {{"prefix": "{parts.path or "/"}"}}.'
        raise SettingsError("E005", f"{kind}_URL is {url!r}, which is on another host.", hint)
    script_name = (settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    return unquote(url.removeprefix(script_name) if url.startswith(script_name + "/") else url)


def _raw_url(kind: Kind) -> Any:
    """Return STATIC_URL or MEDIA_URL as written in the settings.

    ``settings`` itself would add the current script name to a relative URL, and cache the result.
    Before the first request that script name is wrong.
    """
    return getattr(settings._wrapped, f"{kind}_URL")


def _root(kind: Kind) -> str:
    root = getattr(settings, f"{kind}_ROOT")
    if not root:
        if kind == "STATIC":
            raise SettingsError("W001", "STATIC_ROOT is not set.", "collectstatic needs it too.")
        hint = "Set it to the directory that holds the uploads."
        raise SettingsError("E006", "MEDIA_ROOT is not set.", hint)
    with _reporting_wrong_values(kind):
        if not isinstance(root, (str, os.PathLike)):
            raise TypeError(f"{kind}_ROOT must be a path, not {root!r}")
    return os.path.join(os.getcwd(), os.fspath(root))


def _require_separate(media: Place) -> None:
    """Ensure that no upload can be fetched as a static file, without the policy for uploads."""
    if parse_prefix(media.prefix) == parse_prefix(_prefix("STATIC")):
        hint = "Use a different path for each."
        raise SettingsError("E007", "MEDIA_URL and STATIC_URL are the same.", hint)
    if settings.STATIC_ROOT:
        roots = [PurePath(os.path.realpath(root)) for root in (_root("STATIC"), media.root)]
        if roots[0].is_relative_to(roots[1]) or roots[1].is_relative_to(roots[0]):
            message = "One of MEDIA_ROOT and STATIC_ROOT is inside the other."
            hint = "Uploads could be fetched as static files. Use separate directories."
            raise SettingsError("E008", message, hint)


@contextmanager
def _reporting_wrong_values(kind: Kind) -> Iterator[None]:
    """Turn TypeError and ValueError into SettingsError."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = f"{_NAMES[kind]}: {error}."
        raise SettingsError("E003", message, "See the options of StaticFiles.") from None
