"""``wrap``: serve a Django project's static files and uploads in front of its WSGI app."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.headers import Headers

from django.conf import settings

from wsgistatic.django import conf
from wsgistatic.django.finders import FinderFiles
from wsgistatic.django.hosts import AllowedHosts
from wsgistatic.django.manifest import find_manifest
from wsgistatic.files.errors import logger
from wsgistatic.http.paths import parse_prefix
from wsgistatic.representations.headers import untrusted_uploads
from wsgistatic.wsgi.middleware import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    # A prefix, and a function that puts the files below it in front of an app.
    Layer = tuple[str, Callable[[WSGIApplication], WSGIApplication]]

# With DEBUG files keep changing, and there is no front server.
_DEBUG = {"cache_control": "no-cache", "immutable": None, "offload": None}


def wrap(application: WSGIApplication) -> WSGIApplication:
    """Serve static files, and uploads and a root if WSGISTATIC says so, in front of an app.

    Static files come from STATIC_ROOT, or with DEBUG from the staticfiles finders. Below their
    prefixes, a request for a host that is not in ALLOWED_HOSTS gets a 400. The settings are read
    only once, by this call. Nothing in MIDDLEWARE sees the requests for these files.

    Arguments:
        application: The WSGI app of the project, which gets all other requests.

    Returns:
        The WSGI app to serve, as in ``application = wrap(get_wsgi_application())``.

    Raises:
        ImproperlyConfigured: A setting is wrong. The message is that of ``manage.py check``.
    """
    return _wrap(application, {})


def wrap_all(application: WSGIApplication) -> WSGIApplication:
    """Do the same as ``wrap``, for a server that has no front server: nothing is offloaded."""
    return _wrap(application, {"offload": None})


class Files(NamedTuple):
    """The files of a project in front of an app, and the prefixes of PATH_INFO to ask it for."""

    app: WSGIApplication
    prefixes: tuple[str, ...]


def _wrap(app: WSGIApplication, overrides: dict[str, Any]) -> WSGIApplication:
    files = files_in_front_of(app, overrides)
    return AllowedHosts(files.app, app, files.prefixes)


def files_in_front_of(app: WSGIApplication, overrides: dict[str, Any]) -> Files:
    """Put the files in front of an app without checking the host; ``overrides`` are options."""
    if settings.DEBUG:
        overrides = {**overrides, **_DEBUG}
    layers = [*_static(overrides), *_root(overrides)]
    layers += _media(overrides) if conf.wants_media() else []
    layers = [(parse_prefix(prefix), put_in_front) for prefix, put_in_front in layers]
    # The longest prefix comes last, and so is tried first.
    for _, put_in_front in sorted(layers, key=lambda layer: len(layer[0])):
        app = put_in_front(app)
    return Files(app, tuple(prefix for prefix, _ in layers))


def _static(overrides: dict[str, Any]) -> list[Layer]:
    place = conf.static_place()
    if place.warning is not None:
        _log_once(str(place.warning))
    prefix, root, options = place[:3]
    # The manifest's files are immutable, unless the options decide that for each file.
    if not (settings.DEBUG or "immutable" in options or callable(options.get("cache_control"))):
        manifest = find_manifest(prefix)
        if manifest is not None:
            options = {**options, "immutable": manifest.lists}
    options = options | overrides

    def put_in_front(app: WSGIApplication) -> WSGIApplication:
        if options.get("symlinks", "inside") == "inside":
            # The links that collectstatic --link makes lead out of STATIC_ROOT.
            app = FinderFiles(app, prefix, linked_from=root, **options)
        return StaticFiles(app, root, prefix, **options)

    layers: list[Layer] = [(prefix, put_in_front)] if root else []
    if place.finders:
        layers.append((prefix, lambda app: FinderFiles(app, prefix, **options)))
    return layers


def _root(overrides: dict[str, Any]) -> list[Layer]:
    place = conf.root_place()
    if place is None:
        return []
    if place.warning is not None:
        _log_once(str(place.warning))
    prefix, root, options = place[:3]
    return [(prefix, lambda app: StaticFiles(app, root, prefix, **{**options, **overrides}))]


@cache  # tests create many handlers
def _log_once(message: str) -> None:
    logger.warning(message)


def _media(overrides: dict[str, Any]) -> list[Layer]:
    prefix, root, options, attachment = conf.media_place()[:4]
    options = with_upload_policy(options, attachment=attachment) | overrides
    return [(prefix, lambda app: StaticFiles(app, root, prefix, **options))]


def with_upload_policy(options: dict[str, Any], *, attachment: bool) -> dict[str, Any]:
    """Add the header fields for uploads to options of ``StaticFiles``, whose own fields win."""
    own, policy = options.get("headers"), untrusted_uploads(attachment=attachment)

    def headers(fields: Headers, path: str, url: str) -> None:
        found = fields["Content-Type"]
        if callable(own):
            own(fields, path, url)
        else:
            for name, value in (own or {}).items():
                fields[name] = value
        # This comes last, since the fields above may change the media type.
        added = Headers([("Content-Type", fields["Content-Type"] or "")])
        policy(added, path, url)
        if fields["Content-Type"] == found:
            del fields["Content-Type"]  # the policy's is added
        for name, value in added.items():
            fields.setdefault(name, value)

    return {**options, "headers": headers}
