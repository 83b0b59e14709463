"""The system checks of WSGISTATIC, MIDDLEWARE and INSTALLED_APPS, and for traces of others."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from wsgistatic.django import conf

MIDDLEWARE = "wsgistatic.django.middleware.StaticFilesMiddleware"
_SECURITY = "django.middleware.security.SecurityMiddleware"
# Middleware of Django that may handle files. The rest spends time on them, adds Vary, or even
# changes them.
_MAY_PRECEDE = (
    _SECURITY,
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
)
# Options of WSGISTATIC that need a directory, so that they do not apply to the finders.
_NOT_WITH_FINDERS = ("clean_urls", "compress", "fallback", "listing")


def check_settings(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Check WSGISTATIC and the settings that it depends on."""
    found: dict[str, CheckMessage] = {}
    for read in conf.READERS:
        try:
            place = read()
        except conf.SettingsError as error:
            found[error.message] = Error(error.message, hint=error.hint, id=error.id)
        else:
            warning = place and place.warning
            if warning:
                found[warning.message] = Warning(warning.message, hint=warning.hint, id=warning.id)
    return list(found.values())


def check_finders(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Warn about options that have no effect because static files come from the finders."""
    try:
        place = conf.static_place()
    except conf.SettingsError:
        return []  # check_settings reports it
    ignored = [name for name in _NOT_WITH_FINDERS if place.options.get(name)]
    if not place.finders or not ignored:
        return []
    message = f"WSGISTATIC: the staticfiles finders ignore {', '.join(ignored)}."
    hint = 'They are in use because of DEBUG or "finders". With "finders": False, static files '
    hint += "come from STATIC_ROOT."
    return [_warning("W006", message, hint)]


def check_middleware(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Check the position of StaticFilesMiddleware in MIDDLEWARE."""
    middleware = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in middleware:
        return []
    found = []
    position = middleware.index(MIDDLEWARE)
    if _SECURITY in middleware[position:]:
        message = "StaticFilesMiddleware comes before SecurityMiddleware."
        hint = "Put it after SecurityMiddleware, which redirects to HTTPS and adds header fields."
        found.append(_warning("W003", message, hint))
    early = [
        name
        for name in middleware[:position]
        if name.startswith("django.") and name not in _MAY_PRECEDE
    ]
    if early:
        message = f"StaticFilesMiddleware comes after {', '.join(early)}."
        hint = "Put it before these, right after SecurityMiddleware. They spend time on each file, "
        hint += "and some add header fields that prevent caching, or compress the file again."
        found.append(_warning("W004", message, hint))
    if _wraps():
        message = f"{settings.WSGI_APPLICATION} uses wrap, so StaticFilesMiddleware never sees a "
        message += "request for a file."
        hint = "Use one of them. wrap is faster, but bypasses all of MIDDLEWARE."
        found.append(_warning("W005", message, hint))
    return found


def _wraps() -> bool:
    """Return whether wsgi.py calls ``wrap``.

    The file is read instead of imported, since importing it may have side effects.
    """
    module = (settings.WSGI_APPLICATION or "").rpartition(".")[0]
    try:
        spec = find_spec(module) if module else None
        source = Path(spec.origin or "").read_text("utf-8", "replace") if spec else ""
    except (ImportError, OSError, ValueError):
        return False
    return "wsgistatic.django" in source and re.search(r"\bwrap\(", source) is not None


def check_runserver(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Check that the app with our runserver comes before the one whose command it extends."""
    names = [config.name for config in apps.get_app_configs()]
    ours, theirs = "wsgistatic.django.runserver", "django.contrib.staticfiles"
    if not {ours, theirs} <= {*names} or names.index(ours) < names.index(theirs):
        return []
    message = f"{ours} has no effect in INSTALLED_APPS after {theirs}."
    return [_warning("W008", message, "Put it before that app.")]


# The equivalents of settings of WhiteNoise and ServeStatic, by their names without the prefix.
_SETTINGS = {
    "ADD_HEADERS_FUNCTION": 'Use WSGISTATIC["headers"], a function of the same form.',
    "ALLOW_ALL_ORIGINS": 'Use WSGISTATIC["allow_origin"] = "*" instead of True.',
    "ALLOW_UNSAFE_SYMLINKS": 'Use WSGISTATIC["symlinks"] = "follow" instead of True.',
    "AUTOREFRESH": "Changed files are always noticed.",
    "CHARSET": 'Use WSGISTATIC["charset"].',
    "IMMUTABLE_FILE_TEST": 'Use WSGISTATIC["immutable"], a regular expression or a function of '
    "the same form.",
    "INDEX_FILE": 'Use WSGISTATIC["index"]; the default is "index.html".',
    "KEEP_ONLY_HASHED_FILES": 'Use "keep_only_hashed" in the OPTIONS of the storage.',
    "MANIFEST_STRICT": 'Use "manifest_strict" in the OPTIONS of the storage.',
    "MAX_AGE": 'Use WSGISTATIC["cache_control"], which may also be a number of seconds.',
    "MIMETYPES": 'Use WSGISTATIC["media_types"].',
    "ROOT": 'Use WSGISTATIC["root"], a path or a dict with options of its own. An index.html in it '
    'is the page of "/", unless that dict has "index": None.',
    "SKIP_COMPRESS_EXTENSIONS": 'Use "exclude" in the OPTIONS of the storage, a list of globs such '
    'as "*.map".',
    "STATIC_PREFIX": 'Use WSGISTATIC["prefix"].',
    "USE_FINDERS": 'Use WSGISTATIC["finders"].',
    **dict.fromkeys(
        ("USE_BROTLI", "USE_GZIP", "USE_ZSTD"),
        'Use "compress": {"codings": [...]} in the OPTIONS of the storage.',
    ),
    "ZSTD_LEVEL": 'Use "compress": {"levels": {"zstd": ...}} in the OPTIONS of the storage.',
}
_PREFIXES = ("WHITENOISE_", "SERVESTATIC_")
# The equivalents of their classes and apps.
_STORAGES = ("CompressedStaticFilesStorage", "CompressedManifestStaticFilesStorage")
_NAMES = {
    "whitenoise.middleware.WhiteNoiseMiddleware": MIDDLEWARE,
    "servestatic.middleware.ServeStaticMiddleware": MIDDLEWARE,
    "whitenoise.runserver_nostatic": "wsgistatic.django.runserver",
    "servestatic.runserver_nostatic": "wsgistatic.django.runserver",
    "servestatic": "wsgistatic.django",
    **{
        f"{package}.{name}": f"wsgistatic.django.{name}"
        for package in ("whitenoise", "servestatic")
        for name in (f"storage.{storage}" for storage in _STORAGES)
    },
}


def check_leftovers(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Warn about what is left of WhiteNoise or ServeStatic, and name its equivalent."""
    backend = getattr(settings, "STORAGES", {}).get("staticfiles", {}).get("BACKEND")
    used = {
        "MIDDLEWARE": settings.MIDDLEWARE,
        "INSTALLED_APPS": settings.INSTALLED_APPS,
        "STORAGES": [backend],
    }
    found = [
        (f"{name} contains {value!r}.", f"Use {_NAMES[value]!r}.")
        for name, values in used.items()
        for value in values
        if value in _NAMES
    ]
    for name in sorted(filter(str.isupper, dir(settings))):
        prefix = next(filter(name.startswith, _PREFIXES), None)
        if prefix is not None:
            hint = _SETTINGS.get(name.removeprefix(prefix), "Remove it.")
            found.append((f"{name} has no effect on wsgistatic.", hint))
    return [_warning("W007", message, hint) for message, hint in found]


def _warning(id: str, message: str, hint: str) -> CheckMessage:
    return Warning(message, hint=hint, id=f"wsgistatic.{id}")


CHECKS = (check_settings, check_finders, check_middleware, check_runserver, check_leftovers)
