"""Read from WSGISTATIC, STATIC_URL, STATIC_ROOT, MEDIA_URL and MEDIA_ROOT what to serve where.

A wrong setting raises ``SettingsError``. ``wrap`` lets it propagate, and the system checks report
it with the same id and message. A missing directory is only a warning, since tests and management
commands do not need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wsgistatic.http.paths import parse_prefix
from wsgistatic.validation import check_bool, check_path, closest_name
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import OPTIONS

Kind = Literal["STATIC", "MEDIA", "ROOT"]

# The keys that are not options of StaticFiles.
_OWN = {
    "STATIC": ("media", "root", "finders", "prefix"),
    "MEDIA": ("attachment", "prefix"),
    "ROOT": ("directory",),
}
_NAMES = {"STATIC": "WSGISTATIC", "MEDIA": "WSGISTATIC['media']", "ROOT": "WSGISTATIC['root']"}
# An upload must not become the page of its folder or the compressed form of another upload. The
# folder may not exist before the first upload.
_UPLOADS = {"index": None, "encodings": (), "check_dir": False}


class SettingsError(ImproperlyConfigured):
    """A setting is wrong. The id, message and hint are those of the system check."""

    def __init__(self, id: str, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.id, self.message, self.hint = f"wsgistatic.{id}", message, hint


class Place(NamedTuple):
    """Where files of one kind are, and how to serve them."""

    kind: Kind
    prefix: str  # of PATH_INFO
    root: str | None  # path of the directory, or None if there is none
    options: dict[str, Any]  # for StaticFiles
    attachment: bool = False  # whether browsers should save the files instead of displaying them
    warning: SettingsError | None = None  # why there may be no files yet
    finders: bool = False  # whether to ask the staticfiles finders first


def places() -> list[Place]:
    """Return all places from which files are served."""
    return [place for read in READERS if (place := read()) is not None]


def static_place() -> Place:
    """Return how to serve static files.

    Without DEBUG, pages name files as the storage does. The finders do not find its hashed names,
    so STATIC_ROOT is served too.
    """
    finders = uses_finders()
    if finders and (settings.DEBUG or not settings.STATIC_ROOT):
        return _place("STATIC", None)._replace(finders=True)
    if not settings.STATIC_ROOT:
        warning = SettingsError("W001", "STATIC_ROOT is not set.", "collectstatic needs it too.")
        return _place("STATIC", None)._replace(warning=warning)
    place = _place_of_directory("STATIC", "STATIC_ROOT", "Run collectstatic.")
    return place._replace(warning=None, finders=True) if finders else place


def uses_finders() -> bool:
    """Return whether the staticfiles finders are asked."""
    return _own_flag("STATIC", "finders", bool(settings.DEBUG))


def strict_urls() -> bool:
    """Return whether it is an error if a template names a file that does not exist."""
    return _own_flag("STATIC", "strict_urls", bool(settings.DEBUG))


def root_place() -> Place | None:
    """Return how to serve files at the root of the site, or None if WSGISTATIC has no "root"."""
    if _setting().get("root") is None:
        return None
    return _place_of_directory("ROOT", _NAMES["ROOT"], "Its files are served as soon as it exists.")


def media_place() -> Place | None:
    """Return how to serve uploads, or None unless WSGISTATIC has "media"."""
    if _setting().get("media", False) is False:
        return None
    root = _root("MEDIA")
    place = _place("MEDIA", root)
    _require_separate(place.prefix, root)
    attachment = _own_flag("MEDIA", "attachment", False)
    return place._replace(options={**_UPLOADS, **place.options}, attachment=attachment)


READERS: tuple[Callable[[], Place | None], ...] = (static_place, root_place, media_place)


def _place_of_directory(kind: Kind, name: str, hint: str) -> Place:
    """Return the place, with a warning if the directory does not exist; it may appear later."""
    root = _root(kind)
    place = _place(kind, root)
    if not place.options.get("check_dir", True) or os.path.isdir(root):
        return place
    warning = SettingsError("W002", f"{name} is {root!r}, which is not a directory.", hint)
    return place._replace(options={**place.options, "check_dir": False}, warning=warning)


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
    if kind == "ROOT":
        root = options["root"]
        options = {"directory": root} if isinstance(root, (str, os.PathLike)) else root
    if not isinstance(options, dict):
        allowed, hint = "True, False", "True serves MEDIA_ROOT at MEDIA_URL."
        if kind == "ROOT":
            allowed, hint = "a path", 'The key "directory" of the dict is the path.'
        message = f"{name} must be {allowed} or a dict of options, not {options!r}."
        raise SettingsError("E003", message, hint)
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


def _place(kind: Kind, root: str | None) -> Place:
    """Return the place, after checking that ``StaticFiles`` accepts its options."""
    options = {name: value for name, value in _options(kind).items() if name not in _OWN[kind]}
    prefix = _prefix(kind)
    directory = root if root and os.path.isdir(root) else os.curdir
    with _reporting_wrong_values(kind):
        # Some options are allowed only without an app, so the check needs one.
        StaticFiles(lambda environ, start_response: [], directory, prefix, **options)
    return Place(kind, prefix, root, options)


def _prefix(kind: Kind) -> str:
    """Return the prefix of PATH_INFO: the path of the URL, without the script name."""
    if kind == "ROOT":
        return "/"
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
        if kind == "MEDIA":
            hint = "If that host fetches the files from this app, add the path that it requests to "
            hint += f'{_NAMES[kind]}: {{"prefix": "{parts.path or "/"}"}}.'
            raise SettingsError("E005", f"{kind}_URL is {url!r}, which is on another host.", hint)
        url = parts.path or "/"  # a CDN fetches the files from here
    script_name = (settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    return unquote(url.removeprefix(script_name) if url.startswith(script_name + "/") else url)


def _raw_url(kind: Kind) -> Any:
    """Return STATIC_URL or MEDIA_URL as written in the settings.

    ``settings`` itself would add the current script name to a relative URL, and cache the result.
    Before the first request that script name is wrong.
    """
    return getattr(settings._wrapped, f"{kind}_URL")


def _root(kind: Kind) -> str:
    name = f"{kind}_ROOT"
    if kind == "ROOT":
        name = f"{_NAMES[kind]}['directory']"
        root = _options(kind).get("directory")
    else:
        root = getattr(settings, name)
    if kind == "MEDIA" and not root:
        hint = "Set it to the directory that holds the uploads."
        raise SettingsError("E006", "MEDIA_ROOT is not set.", hint)
    with _reporting_wrong_values(kind):
        root = check_path(name, root)
    return str(root)


def _require_separate(media_prefix: str, media_root: str) -> None:
    """Ensure that no upload can be fetched as another file, without the policy for uploads."""
    if parse_prefix(media_prefix) == parse_prefix(_prefix("STATIC")):
        hint = "Use a different path for each."
        raise SettingsError("E007", "MEDIA_URL and STATIC_URL are the same.", hint)
    others: list[tuple[Kind, str]] = [("STATIC", "STATIC_ROOT")] if settings.STATIC_ROOT else []
    others += [("ROOT", _NAMES["ROOT"])] if _setting().get("root") is not None else []
    for kind, name in others:
        roots = [PurePath(os.path.realpath(root)) for root in (_root(kind), media_root)]
        if roots[0].is_relative_to(roots[1]) or roots[1].is_relative_to(roots[0]):
            message = f"One of MEDIA_ROOT and {name} is inside the other."
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
