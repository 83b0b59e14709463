"""The hashed names that ``ManifestStaticFilesStorage`` created. Their files never change.

Names are not guessed from their form: the manifest lists them. The storage's own method reads it,
again whenever the file changes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from wsgistatic.files.errors import logger
from wsgistatic.files.forks import Locked
from wsgistatic.files.versions import Signature, signature
from wsgistatic.http.paths import parse_prefix, quote_path


class Manifest(Locked):
    """The hashed names in the manifest of a ``ManifestFilesMixin``."""

    def __init__(self, storage: Any, prefix: str) -> None:
        super().__init__()
        self._storage = storage
        self._below = quote_path(parse_prefix(prefix)) + "/"
        self._version = self._current_version()
        self._names = _hashed(storage.hashed_files)

    def lists(self, path: str, url: str) -> bool:
        """Return whether a URL path leads to a hashed name."""
        with self._lock:
            version = self._current_version()
            # If the manifest is missing, collectstatic is about to write it.
            if version is not None and version != self._version:
                try:
                    # Old names stay, since the content of a hashed name never changes.
                    self._names |= _hashed(self._storage.load_manifest()[0])
                    self._version = version
                except (OSError, ValueError) as error:  # it is incomplete
                    logger.warning("the manifest of static files cannot be read: %s", error)
            return unquote(url.removeprefix(self._below)) in self._names

    def _current_version(self) -> Signature | None:
        """Return the version of the manifest, or None if it is missing or not a local file."""
        manifest = self._storage.manifest_storage
        with suppress(OSError, NotImplementedError):
            return signature(os.stat(manifest.path(self._storage.manifest_name)))
        return None


def find_manifest(prefix: str) -> Manifest | None:
    """Return the manifest of the project's static files, or None if its storage has none."""
    definition: Any = storages.backends.get("staticfiles")
    # It is None if the project does not use Django's collectstatic.
    if not definition or not issubclass(import_string(definition["BACKEND"]), ManifestFilesMixin):
        return None
    # ``settings`` caches the URLs that the storage reads. Forget them (see ``conf._raw_url``).
    cached = vars(settings)
    names = [name for name in ("MEDIA_URL", "STATIC_URL") if name not in cached]
    try:
        return Manifest(storages.create_storage(definition), prefix)
    finally:
        for name in names:
            cached.pop(name, None)


def _hashed(hashed_files: dict[str, str]) -> frozenset[str]:
    return frozenset(name for plain, name in hashed_files.items() if name != plain)
