"""``wrap``: a Django project's static files and uploads, in front of its WSGI app."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.headers import Headers

from django.conf import settings

from wsgistatic.django import conf
from wsgistatic.django.finders import FinderFiles
from wsgistatic.django.manifest import find_manifest
from wsgistatic.http.paths import parse_prefix
from wsgistatic.representations.headers import untrusted_uploads
from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import FILE_OPTIONS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_FINDER_OPTIONS = FILE_OPTIONS.keys() | {"dotfiles", "index"}
# Files are being written, and no other server is in front.
_DEBUG = {"cache_control": "no-cache", "immutable": None, "offload": None}


class Layer(NamedTuple):
    """The files of one kind, to be put in front of an app."""

    prefix: str
    wrap: Callable[[WSGIApplication], WSGIApplication]


def wrap(application: WSGIApplication) -> WSGIApplication:
    """Serve static files, and uploads if WSGISTATIC asks for them, in front of an app.

    ``application = wrap(get_wsgi_application())``

    Static files come from STATIC_ROOT, with DEBUG from where the staticfiles finders find them.
    The settings are read now.

    Raises:
        ImproperlyConfigured: a setting is wrong, in the words of ``manage.py check``.
    """
    return _nest(application, _static({}), *([_media({})] if conf.wants_media() else []))


def wrap_all(application: WSGIApplication) -> WSGIApplication:
    """Do as ``wrap``, for a server without another in front.

    Uploads are served too, unless WSGISTATIC says not to, and nothing is offloaded.
    """
    ours = {"offload": None}
    return _nest(application, _static(ours), *([_media(ours)] if conf.has_media() else []))


def _static(ours: dict[str, Any]) -> Layer:
    prefix, root, options = conf.static_place()
    options = _with_manifest(prefix, options) | (_DEBUG if settings.DEBUG else ours)
    if root:
        return Layer(prefix, lambda app: StaticFiles(app, root, prefix, **options))
    options = {name: options[name] for name in _FINDER_OPTIONS & options.keys()}
    return Layer(prefix, lambda app: FinderFiles(app, prefix, **options))


def _media(ours: dict[str, Any]) -> Layer:
    prefix, root, options = conf.media_place()
    options = with_upload_policy(options, attachment=conf.sends_attachments())
    options = options | (_DEBUG if settings.DEBUG else ours)
    return Layer(prefix, lambda app: StaticFiles(app, root, prefix, **options))


def _nest(application: WSGIApplication, *layers: Layer) -> WSGIApplication:
    """Put the layers in front of the app; the longest prefix is asked first."""
    for layer in sorted(layers, key=lambda layer: len(parse_prefix(layer.prefix))):
        application = layer.wrap(application)
    return application


def _with_manifest(prefix: str, options: dict[str, Any]) -> dict[str, Any]:
    """Have browsers keep what the manifest lists, unless the settings decide for each file."""
    if settings.DEBUG or "immutable" in options or callable(options.get("cache_control")):
        return options
    manifest = find_manifest(prefix)
    return options if manifest is None else {**options, "immutable": manifest.lists}


# What browsers make a document of; and all that ends in +xml (MIME Sniffing 4.6).
_ACTIVE = ("text/html", "text/xml", "text/xsl", "application/xml")


def with_upload_policy(options: dict[str, Any], *, attachment: bool) -> dict[str, Any]:
    """Give options of ``StaticFiles`` with the policy, where their own headers leave it open.

    Arguments:
        options: those of the settings.
        attachment: uploads are saved, not shown.
    """
    own, policy = options.get("headers"), untrusted_uploads(attachment=attachment)

    def headers(fields: Headers, path: str, url: str) -> None:
        if callable(own):
            own(fields, path, url)
        else:
            for name, value in (own or {}).items():
                fields[name] = value
        # After their own, which may have made it another type.
        if attachment or is_active(fields.get("Content-Type") or ""):
            careful = Headers([])
            policy(careful, path, url)
            for name, value in careful.items():
                fields.setdefault(name, value)

    return {**options, "headers": headers}


def is_active(content_type: str) -> bool:
    """Tell whether a browser runs what is in a document of a media type."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in _ACTIVE or media_type.endswith("+xml")
