"""What pages need to name files: URLs with fingerprints, integrity, and links for preloading."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from wsgistatic.files.errors import logger, not_found_error
from wsgistatic.http.fields import preload_link
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.paths import SplitPath, quote_path, url_path
from wsgistatic.representations.fingerprints import Fingerprint, Fingerprints
from wsgistatic.representations.vite import ViteManifest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_MAX_LOGGED = 1000  # names that are remembered
# Characters. nginx refuses a response whose header section exceeds 4 or 8 KiB (proxy_buffer_size).
_MAX_LINKS = 3000


class Urls:
    """The names of the files at one prefix, as pages write them.

    ``below`` are those of a directory at the same prefix, which gets the requests that miss.
    """

    def __init__(
        self,
        fingerprints: Fingerprints,
        manifest: ViteManifest,
        media_types: MediaTypes,
        prefix: str,
        strict: bool,
        below: Urls | None,
    ) -> None:
        self._fingerprints, self._manifest = fingerprints, manifest
        self._media_types, self._prefix = media_types, prefix
        self._strict, self._below = strict, below
        self._logged: dict[str, None] = {}

    def url(self, name: str, environ: WSGIEnvironment | None) -> str:
        """Return the URL of a file; see ``StaticFiles.url``."""
        try:
            url = self._find(name).url
        except (OSError, ValueError) as error:
            self._report(name, error)
            url = self._plain(name)
        return url if environ is None else mount_point(environ) + url

    def integrity(self, name: str) -> str:
        """Return the integrity of a file; see ``StaticFiles.integrity``."""
        try:
            return self._find(name).integrity
        except (OSError, ValueError) as error:
            self._report(name, error)
            return ""

    def preload(self, entry: str, environ: WSGIEnvironment | None) -> str:
        """Return the value of Link for an entry of a build; see ``StaticFiles.preload``."""
        root = "" if environ is None else mount_point(environ)
        below: Urls | None = self
        links: list[str] = []
        while below is not None and not links:
            links, below = below._links(entry, root), below._below
        if not links:
            self._report(entry, not_found_error(), "is not in the Vite manifest")
        return ", ".join(links)

    def _links(self, entry: str, root: str) -> list[str]:
        links: dict[str, str] = {}
        left = _MAX_LINKS
        for url in self._manifest.urls_of(entry):
            if url not in links:
                link = preload_link(root + url, self._media_types.content_type(url))
                left -= len(link) + len(", ")
                if left < 0:
                    break
                links[url] = link
        return list(links.values())

    def _find(self, name: str) -> Fingerprint:
        try:
            return self._fingerprints.find(name)
        except (FileNotFoundError, NotADirectoryError):
            if self._below is None:
                raise
            return self._below._find(name)

    def _plain(self, name: str) -> str:
        # A second slash at the beginning would make the first name a host.
        segments = tuple(name.lstrip("/").encode("utf-8", "replace").decode().split("/"))
        return url_path(self._prefix, SplitPath(segments, False))

    def _report(self, name: str, error: OSError | ValueError, reason: str = "") -> None:
        """Raise the error or, the first time for a name, log it."""
        reason = reason or getattr(error, "strerror", None) or str(error)
        if self._strict:
            raise FileNotFoundError(errno.ENOENT, f"no static file: {reason}", name) from error
        if name not in self._logged:
            if len(self._logged) >= _MAX_LOGGED:
                self._logged.clear()
            self._logged[name] = None
            logger.warning("a page names the static file %a: %s", name, reason)


def mount_point(environ: WSGIEnvironment) -> str:
    """Return SCRIPT_NAME as the beginning of a URL path.

    It has one slash at its beginning, since "//" would precede a host, and none at its end.
    """
    value = environ.get("SCRIPT_NAME")
    script_name = value.strip("/") if isinstance(value, str) else ""
    return f"/{quote_path(script_name)}" if script_name else ""
