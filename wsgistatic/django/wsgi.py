"""``wrap``: serve a Django project's static files and uploads in front of its WSGI app."""

from __future__ import annotations

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
from wsgistatic.validation import check_app
from wsgistatic.wsgi.middleware import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def _never(path: str, url: str) -> bool:
    return False


# With DEBUG files keep changing, and there is no front server.
_DEBUG = {"cache_control": "no-cache", "immutable": _never, "offload": None}


def wrap(application: WSGIApplication) -> WSGIApplication:
    """Serve static files and, if WSGISTATIC has them, uploads and a root in front of an app.

    Static files come from STATIC_ROOT, or with DEBUG from the staticfiles finders. Below their
    prefixes, a request for a host that is not in ALLOWED_HOSTS gets a 400. The settings are read
    only once, by this call. Nothing in MIDDLEWARE sees the requests for these files.

    Arguments:
        application: The WSGI app of the project, which gets all other requests.

    Returns:
        The WSGI app to serve, as in ``application = wrap(get_wsgi_application())``.

    Raises:
        ImproperlyConfigured: A setting is wrong. The message is that of ``manage.py check``.
        TypeError: The application is not a WSGI app.
    """
    return _wrap(application, {})


def wrap_without_offload(application: WSGIApplication) -> WSGIApplication:
    """Do the same as ``wrap``, but for a server that is not behind a front server."""
    return _wrap(application, {"offload": None})


def _wrap(app: WSGIApplication, overrides: dict[str, Any]) -> WSGIApplication:
    check_app("application", app, "a WSGI app (under ASGI, use StaticFilesMiddleware)")
    files = files_in_front_of(app, overrides)
    return AllowedHosts(files.app, app, files.prefixes)


class Files(NamedTuple):
    """The files of a project in front of an app."""

    app: WSGIApplication
    prefixes: tuple[str, ...]  # of PATH_INFO, below which there may be files


def files_in_front_of(app: WSGIApplication, overrides: dict[str, Any]) -> Files:
    """Put the files in front of an app. Hosts are not checked; ``overrides`` are options."""
    if settings.DEBUG:
        overrides = {**overrides, **_DEBUG}
    prefixes = []
    # The longest prefix comes last, and so is tried first.
    for place in sorted(conf.places(), key=lambda place: len(parse_prefix(place.prefix))):
        if place.warning is not None:
            _log_once(str(place.warning))
        if place.finders or place.root is not None:
            app = _put_in_front(place, overrides, app)
            prefixes.append(parse_prefix(place.prefix))
    return Files(app, tuple(prefixes))


def _put_in_front(
    place: conf.Place, overrides: dict[str, Any], app: WSGIApplication
) -> WSGIApplication:
    prefix, root, options = place.prefix, place.root, {**_options(place), **overrides}
    if root is not None:
        if place.kind == "STATIC" and options.get("symlinks", "inside") == "inside":
            # The links that collectstatic --link creates lead out of STATIC_ROOT.
            app = FinderFiles(app, prefix, linked_from=root, **options)
        app = StaticFiles(app, root, prefix, **options)
    return FinderFiles(app, prefix, **options) if place.finders else app


def _options(place: conf.Place) -> dict[str, Any]:
    """Return the options of a place with what Django adds to them."""
    options = place.options
    if place.kind == "MEDIA":
        return _with_upload_policy(options, attachment=place.attachment)
    # The manifest's files are immutable, unless the options decide that for each file.
    decides = "immutable" in options or callable(options.get("cache_control"))
    if place.kind == "STATIC" and not (settings.DEBUG or decides):
        manifest = find_manifest(place.prefix)
        if manifest is not None:
            return {**options, "immutable": manifest.lists}
    return options


@cache  # tests create many handlers
def _log_once(message: str) -> None:
    logger.warning(message)


def _with_upload_policy(options: dict[str, Any], *, attachment: bool) -> dict[str, Any]:
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

    # No upload can pose as the manifest of a build, and so decide about others.
    return {"immutable": _never, **options, "headers": headers}
