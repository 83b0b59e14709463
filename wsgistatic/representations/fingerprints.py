"""Fingerprints of the files of a site, remembered for each version.

A file is hashed once for each version, by whichever app or thread needs it first. Then one stat
proves that the fingerprint is current, or none within ``stat_ttl``.
"""

from __future__ import annotations

from time import monotonic

from wsgistatic.files.errors import not_found_error
from wsgistatic.files.forks import Locked
from wsgistatic.files.sources import FileTree
from wsgistatic.files.versions import are_settled
from wsgistatic.http.fingerprints import fingerprint_of, integrity_of, with_fingerprint
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.paths import Dotfiles, SplitPath, is_served_name, url_path
from wsgistatic.representations.cached_file import Location

_MAX_FILES = 5_000  # about 8 MB, with their digests


class Fingerprint:
    """What the content of one version of a file determines.

    Attributes:
        text: the digits in the name; "" if the file changes too often to be hashed.
        url: the quoted URL path, with the prefix.
        integrity: the value of the attribute of that name; "" without one, or for a file that is
            stored in a content coding, which browsers decode first.
        location: shows whether it is current; None if nothing does.
        trusted_until: when a stat is needed again, on the monotonic clock.
    """

    __slots__ = ("integrity", "location", "text", "trusted_until", "url")

    def __init__(self, text: str, url: str, integrity: str, location: Location | None) -> None:
        self.text, self.url, self.integrity, self.location = text, url, integrity, location
        self.trusted_until = 0.0


class Fingerprints(Locked):
    """The fingerprints of the files beneath a tree.

    Arguments:
        prefix: as in PATH_INFO.
        stat_ttl: seconds for which a stat is trusted.
    """

    def __init__(
        self,
        tree: FileTree,
        prefix: str,
        dotfiles: Dotfiles,
        media_types: MediaTypes,
        stat_ttl: float,
    ) -> None:
        super().__init__()
        self._tree, self._prefix, self._dotfiles = tree, prefix, dotfiles
        self._media_types, self._stat_ttl = media_types, stat_ttl
        self._known: dict[str, Fingerprint] = {}

    def find(self, name: str) -> Fingerprint:
        """Return the fingerprint of a file by its path below the root.

        Raises:
            OSError: there is no such file, or it cannot be read.
        """
        known = self._known.get(name)
        if known is not None and known.location is not None:
            now = monotonic()
            if now < known.trusted_until:
                return known
            if known.location.stat_matches():
                known.trusted_until = now + self._stat_ttl
                return known
        return self._load(name)

    def _load(self, name: str) -> Fingerprint:
        segments = tuple(name.split("/"))
        names_are_served = (is_served_name(one, dotfiles=self._dotfiles) for one in segments)
        if "\0" in name or not all(names_are_served):
            raise not_found_error()
        path, source = SplitPath(segments, False), self._tree.file(segments)
        version = source.inspect()
        status, holder = version.status, version.holder
        is_settled = status is not None and are_settled(status)  # before it is read
        digest = source.digest(version, "sha384")
        if digest is None:
            return Fingerprint("", url_path(self._prefix, path), "", None)
        text = fingerprint_of(digest)
        location = None
        if status is not None and holder is not None and is_settled:
            location = Location(holder, status, source, version.seen)
        is_stored = self._media_types.coding(source.path) is not None
        integrity = "" if is_stored else integrity_of(digest)
        url = url_path(self._prefix, with_fingerprint(path, text))
        found = Fingerprint(text, url, integrity, location)
        if location is not None:
            found.trusted_until = version.seen + self._stat_ttl
            with self._lock:
                self._known.pop(name, None)
                self._known[name] = found
                if len(self._known) > _MAX_FILES:
                    del self._known[next(iter(self._known))]
        return found
