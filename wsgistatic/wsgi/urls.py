"""What pages need to name files: URLs with fingerprints, and integrity."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from wsgistatic.files.errors import logger
from wsgistatic.http.paths import SplitPath, quote_path, url_path
from wsgistatic.representations.fingerprints import Fingerprint, Fingerprints

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_MAX_LOGGED = 1000  # names that are remembered


class Urls:
    """The names of the files at one prefix, as pages write them.

    ``below`` are those of a directory at the same prefix, which gets the requests that miss.
    """

    def __init__(
        self, fingerprints: Fingerprints, prefix: str, strict: bool, below: Urls | None
    ) -> None:
        self._fingerprints, self._prefix = fingerprints, prefix
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

    def _report(self, name: str, error: OSError | ValueError) -> None:
        """Raise the error or, the first time for a name, log it."""
        reason = getattr(error, "strerror", None) or str(error)
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
