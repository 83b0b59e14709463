"""The manifest of a Vite build, ``.vite/manifest.json``: hashed names, and what an entry imports.

It is read again when it changes. It lists the names that the build wrote, so they need not be
recognised by their form, except that a name must differ from the plain one by a suffix, since a
build can be configured to write plain names.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from wsgistatic.files.changes import read_fully
from wsgistatic.files.directory import File
from wsgistatic.files.errors import logger
from wsgistatic.files.forks import Locked
from wsgistatic.files.sources import FileTree
from wsgistatic.files.versions import Signature, are_settled, signature
from wsgistatic.http.paths import SplitPath, is_served_name, url_path
from wsgistatic.representations.immutable import Immutable, ImmutableRule, immutable_rule

_PATH = (".vite", "manifest.json")
_MAX_SIZE = 8 * 1024 * 1024  # bytes; about 40,000 chunks
_HASH = re.compile(r".[-._][A-Za-z0-9_-]{6,}\Z")
# A word that the build adds to its names, as in "main.bundle.js", is not a hash. Vite's hashes have
# 8 characters. One in 750 has no digit or capital. It counts if it has letters only, and no other
# name has the same end.
_WORD = re.compile(r"[-._][a-z]{6,7}\Z|[^A-Z0-9]{8}\Z")


class Chunk(NamedTuple):
    """A file of the build, with the keys of those that it imports statically."""

    url: str  # quoted URL path
    css: tuple[str, ...] = ()  # quoted URL paths
    imports: tuple[str, ...] = ()


class _Build(NamedTuple):
    """What a version of the manifest says."""

    chunks: dict[str, Chunk]
    hashed: frozenset[str]  # quoted URL paths


_NO_BUILD = _Build({}, frozenset())


class _ListedOr(ImmutableRule):
    """The names that a manifest lists, and those of another rule."""

    def __init__(self, manifest: ViteManifest, rule: Callable[[str, str], bool] | None) -> None:
        self._manifest, self._rule = manifest, rule

    def __call__(self, path: str, url: str) -> bool:
        """Return whether a URL path is immutable."""
        rule = self._rule
        return self._manifest.lists(url) or (rule is not None and rule(path, url))


class ViteManifest(Locked):
    """The manifest beneath a tree, if there is one; ``prefix`` is as in PATH_INFO."""

    def __init__(self, tree: FileTree, prefix: str) -> None:
        super().__init__()
        self._tree, self._prefix = tree, prefix
        self._version: Signature | tuple[()] | None = None
        self._build = _NO_BUILD

    def rule(self, immutable: Immutable) -> ImmutableRule:
        """Return the option ``immutable`` with the names in the manifest added."""
        return _ListedOr(self, None if immutable is None else immutable_rule(immutable))

    def lists(self, url: str) -> bool:
        """Return whether the manifest lists a URL path whose name contains a hash."""
        # Most names need no look at the manifest.
        return _HASH.search(_stem(url)) is not None and url in self._current().hashed

    def urls_of(self, entry: str) -> Iterator[str]:
        """Yield the URLs of a chunk, its style sheets, and those of all that it imports."""
        chunks, keys, seen = self._current().chunks, [entry], {entry}
        for key in keys:  # which grows
            chunk = chunks.get(key)
            if chunk is not None:
                yield chunk.url
                yield from chunk.css
                keys += [one for one in dict.fromkeys(chunk.imports) if one not in seen]
                seen.update(chunk.imports)

    def _current(self) -> _Build:
        """Return what the manifest says now."""
        with self._lock:
            source = self._tree.file(_PATH)
            version: Signature | tuple[()] = ()  # what is in an archive stays as it is
            if isinstance(source, File):
                try:
                    version = signature(os.stat(source.path))
                except OSError:
                    self._version, self._build = None, _NO_BUILD
                    return self._build
            if version == self._version:
                return self._build
            self._version = version
            try:
                with source.open() as opened:
                    if opened.size > _MAX_SIZE:
                        raise ValueError(f"it has more than {_MAX_SIZE:,} bytes")
                    content = read_fully(opened.file, 0, opened.size)
                if opened.status is not None and not are_settled(opened.status):
                    self._version = None  # the next version may have the same time stamps
                self._build = _parse(json.loads(content), self._prefix)
            except FileNotFoundError:  # in an archive, or behind a link that is not followed
                self._build = _NO_BUILD
            except (OSError, RecursionError, ValueError) as error:
                # It may be incomplete as yet, so what the last one said is kept.
                logger.warning("%a cannot be used: %s", source.path, error)
            return self._build


def _parse(manifest: Any, prefix: str) -> _Build:
    """Return what a manifest says; raise ValueError if it does not have Vite's form."""
    if not isinstance(manifest, dict) or not all(
        isinstance(one, dict) for one in manifest.values()
    ):
        raise ValueError("it is not an object with an object for each chunk")
    chunks: dict[str, Chunk] = {}
    urls: dict[str, str] = {}  # by name
    plain: set[str] = set()
    for key, value in manifest.items():
        names = [
            _texts([value.get("file")]),
            *(_texts(value.get(one, [])) for one in ("css", "assets")),
        ]
        urls |= {name: _url(name, prefix) for group in names for name in group}
        (file,), css, _ = names
        own = (value.get("name"), value.get("src"))
        for one in own:
            if isinstance(one, str):
                plain |= {_stem(one), one.rpartition("/")[2]}
        chunks[key] = Chunk(
            urls[file], tuple(urls[one] for one in css), _texts(value.get("imports", []))
        )
    stems = {name: stem for name in urls if _HASH.search(stem := _stem(name)) and stem not in plain}
    counts = Counter(stem[-8:] for stem in stems.values())
    hashed = (
        urls[name]
        for name, stem in stems.items()
        if not _WORD.search(stem) or (stem[-8:].isalpha() and counts[stem[-8:]] == 1)
    )
    return _Build(chunks, frozenset(hashed))


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} is not a list of names")
    return tuple(value)


def _url(name: str, prefix: str) -> str:
    segments = tuple(name.split("/"))
    if not all(is_served_name(segment, dotfiles=True) for segment in segments):
        raise ValueError(f"{name!r} is not a path below the directory")
    return url_path(prefix, SplitPath(segments, False))


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    return stem if dot else extension
