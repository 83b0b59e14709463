"""Subresource Integrity of static files, for templates."""

from __future__ import annotations

import errno
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import SuspiciousOperation

from wsgistatic.django import conf
from wsgistatic.django.finders import first_found
from wsgistatic.files.directory import single_file
from wsgistatic.files.errors import logger, not_found_error
from wsgistatic.http.fingerprints import integrity_of


def static_integrity(path: str) -> str:
    """Return the ``integrity`` of a static file (W3C Subresource Integrity).

    It is that of the file to which ``{% static path %}`` leads: of the hashed one with a manifest,
    or of the one that the finders find. Each version is hashed once.

    Arguments:
        path: As for ``{% static %}``.

    Returns:
        ``sha384-`` and the hash in base64; ``""`` if there is no such file.

    Raises:
        FileNotFoundError: There is no such file, and DEBUG or ``WSGISTATIC["strict_urls"]`` is set.
        ValueError: The manifest does not have the file, and is strict.
    """
    storage: Any = staticfiles_storage
    name = path
    if hasattr(storage, "stored_name") and not settings.DEBUG:  # as in the storage's url()
        name = storage.stored_name(path)
    try:
        file = single_file(_path_of(name))
        digest = file.digest(file.inspect(), "sha384")
    except (NotImplementedError, OSError, SuspiciousOperation, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if conf.strict_urls():
            raise FileNotFoundError(errno.ENOENT, f"no static file: {reason}", path) from error
        _log(path, reason)
        return ""
    return "" if digest is None else integrity_of(digest)


def _path_of(name: str) -> str:
    """Return the path of the file that is served for a name."""
    if conf.uses_finders():
        found = first_found(name)
        if found is not None:
            return found
        if settings.DEBUG or not settings.STATIC_ROOT:
            raise not_found_error()
    return str(staticfiles_storage.path(name))


@lru_cache(1000)  # a template names the file each time
def _log(path: str, reason: str) -> None:
    logger.warning("a page names the static file %a: %s", path, reason)
