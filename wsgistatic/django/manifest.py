"""The names that ``ManifestStaticFilesStorage`` made: files that never change.

Strategy: no guess by the look of a name. The manifest says which names carry a hash, it is read
by the storage's own method, and again when its file has changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from wsgistatic.files.errors import logger
from wsgistatic.files.versions import Signature, signature
from wsgistatic.http.paths import parse_prefix, quote_path


class Manifest:
    """The hashed names of a storage's manifest.

    Arguments:
        storage: whose manifest it is, a ``ManifestFilesMixin``.
        prefix: of the files' URLs.
    """

    def __init__(self, storage: Any, prefix: str) -> None:
        self._storage = storage
        self._below = quote_path(parse_prefix(prefix)) + "/"
        self._lock = Lock()
        self._version = self._look()
        self._names = _hashed(storage.hashed_files)

    def lists(self, url: str) -> bool:
        """Tell whether a URL path ends in a hashed name."""
        with self._lock:
            self._refresh()
            return unquote(url.removeprefix(self._below)) in self._names

    def _refresh(self) -> None:
        version = self._look()
        if version is None or version == self._version:
            return  # where it is not there, collectstatic is about to write it
        try:
            hashed_files, _ = self._storage.load_manifest()
        except (OSError, ValueError) as error:  # it is half written
            logger.warning("the manifest of static files cannot be read: %s", error)
        else:
            # What was listed once stays: a hashed name never gets another content.
            self._version, self._names = version, self._names | _hashed(hashed_files)

    def _look(self) -> Signature | None:
        """Look at the manifest; None where it is not there, or no local file."""
        manifest = self._storage.manifest_storage
        with suppress(OSError, NotImplementedError):
            return signature(os.stat(manifest.path(self._storage.manifest_name)))
        return None


def find_manifest(prefix: str) -> Manifest | None:
    """Give the manifest of the project's static files; None where the storage makes none."""
    definition: Any = storages.backends.get("staticfiles")
    if definition is None:  # not every project collects its files by Django
        return None
    if not issubclass(import_string(definition["BACKEND"]), ManifestFilesMixin):
        return None
    with _urls_left_alone():
        return Manifest(storages.create_storage(definition), prefix)


def _hashed(hashed_files: dict[str, str]) -> frozenset[str]:
    # A storage may leave a file its name.
    return frozenset(name for plain, name in hashed_files.items() if name != plain)


@contextmanager
def _urls_left_alone() -> Iterator[None]:
    """Undo that a storage asks for STATIC_URL (see ``conf``: the first to ask fixes it)."""
    kept = vars(settings)
    names = [name for name in ("MEDIA_URL", "STATIC_URL") if name not in kept]
    try:
        yield
    finally:
        for name in names:
            kept.pop(name, None)
