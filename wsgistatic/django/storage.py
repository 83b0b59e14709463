"""Storages for which ``collectstatic`` also writes sidecars.

Django's own post-processing runs first. Then all files that it collected or created are compressed
in parallel, in the same way as by ``wsgistatic compress``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from types import FrameType
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.core.exceptions import SuspiciousOperation
from django.template.base import Node

from wsgistatic.commands.output import printable
from wsgistatic.compress.compressor import Action, Compressor
from wsgistatic.compress.deltas import Dictionaries
from wsgistatic.files.directory import Directory, File, OpenFile, single_file
from wsgistatic.files.errors import logger
from wsgistatic.http.media_types import why_not_compressed
from wsgistatic.validation import check_bool

_LEFT = (
    "sidecars that another tool wrote are left alone: %d, such as %s. "
    'The option "force": True of "compress" replaces them.'
)

# What Django expects for each file: its name, the name of the result, and whether it was processed.
Processed = tuple[str, "str | None", "bool | Exception"]


class _CollectedFile(File):
    """A file in STATIC_ROOT, or with ``collectstatic --link`` a link to one elsewhere."""

    def open(self) -> OpenFile:
        return single_file(self.path).open()


class CompressionMixin:
    """Adds sidecars to a storage of local files.

    Arguments:
        compress: Keyword arguments of ``wsgistatic.compress.Compressor`` (``codings``, ``levels``,
            ``min_size``, ``min_saving``, ``force``), and ``jobs``, the number of threads. All other
            arguments are passed on to the storage.
        exclude: Globs of files that get no sidecars, as for ``compress_directory``. They are
            compared with the names before hashing.
        dictionaries: Whether to write deltas against the files of the previous manifest, for the
            option ``dictionaries`` of the server. It has no effect without a manifest.
    """

    def __init__(
        self,
        *args: Any,
        compress: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        dictionaries: bool = False,
        **kwargs: Any,
    ) -> None:
        check_bool("dictionaries", dictionaries)
        self._writes_deltas = dictionaries
        options = dict(compress or {})
        if isinstance(exclude, str) or not all(isinstance(glob, str) for glob in exclude):
            raise TypeError(f"exclude must be a sequence of globs such as '*.map', not {exclude!r}")
        self._exclude = tuple(exclude)
        self._jobs: int | None = options.pop("jobs", None)
        self._compressor = Compressor(**options)
        super().__init__(*args, **kwargs)

    def post_process(
        self, paths: Mapping[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Processed]:
        """Process the collected files, and yield the results of Django's own processing.

        Then come the name of the file, the name of the sidecar and True for each sidecar that was
        written or removed, and at the end the exception for each file that was not compressed.
        ``collectstatic`` prints the names, so control characters in them are escaped.
        """
        # Django replaces the manifest while it processes the files.
        previous = list(getattr(self, "hashed_files", {}).values()) if self._writes_deltas else []
        names = {name for name in paths if not self._is_excluded(name)}
        post_process = getattr(super(), "post_process", None)
        if post_process is not None:
            for name, result, processed in post_process(paths, dry_run=dry_run, **options):
                is_done = result and not isinstance(processed, Exception)
                if is_done and not self._is_excluded(name):
                    names.add(result)
                yield printable(name), result and printable(result), processed
        if not dry_run:
            yield from self._compress(sorted(names), previous)

    def _files(self, names: Iterable[str]) -> Iterator[tuple[str, File]]:
        """Yield those of the names that exist, and their files if these are compressed."""
        storage: Any = self
        root = storage.path("")
        for name in filter(storage.exists, names):
            below = os.path.relpath(storage.path(name), root)
            if not why_not_compressed(os.path.basename(below)):
                yield name, _CollectedFile(Directory(root), tuple(below.split(os.sep)))

    def _compress(self, names: Iterable[str], previous: Iterable[str]) -> Iterator[Processed]:
        """Compress the files with these names; yield what ``post_process`` does for them."""
        files = {file.path: (printable(name), file) for name, file in self._files(names)}
        older = None
        if self._writes_deltas:
            older = Dictionaries(file for _, file in self._files(previous))
        failures: list[Processed] = []
        left: list[str] = []
        chosen = (file for _, file in files.values())
        for result in self._compressor.compress_files(chosen, self._jobs, older):
            name, _ = files[result.path]
            # A link of a directory that leads out of STATIC_ROOT is not followed.
            if result.error is not None and not isinstance(result.error, FileNotFoundError):
                failures.append((name, None, result.error))
            for sidecar in result.sidecars:
                other = name + sidecar.path[len(result.path) :]
                if sidecar.action is Action.LEFT:
                    left.append(f"{other} ({sidecar.reason})")
                elif sidecar.action not in (Action.KEPT, Action.NONE):
                    yield name, other, True
        if left:
            logger.warning(_LEFT, len(left), min(left))
        yield from failures  # collectstatic stops at the first

    def _is_excluded(self, name: str) -> bool:
        path = PurePosixPath(name.replace("\\", "/"))
        texts = {text for one in (path, *path.parents) for text in (str(one), one.name)}
        return any(fnmatchcase(text, glob) for glob in self._exclude for text in texts)


class CompressedStaticFilesStorage(CompressionMixin, StaticFilesStorage):
    """Django's StaticFilesStorage with sidecars."""


class MissingEntryError(ValueError):
    """A file is not in the manifest of static files."""


class _ManifestStorage(ManifestStaticFilesStorage):
    """Django's storage with a manifest, whose settings are OPTIONS."""

    def __init__(
        self,
        *args: Any,
        keep_only_hashed: bool = False,
        manifest_strict: bool | None = None,
        **kwargs: Any,
    ) -> None:
        check_bool("keep_only_hashed", keep_only_hashed)
        self._keep_only_hashed = keep_only_hashed
        if manifest_strict is not None:  # otherwise a subclass may have set the attribute
            check_bool("manifest_strict", manifest_strict)
            self.manifest_strict = manifest_strict
        super().__init__(*args, **kwargs)

    def post_process(
        self, paths: Mapping[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        """Process the collected files as Django does, and delete the plain names if asked to."""
        hashed = {}
        for name, result, processed in super().post_process(paths, dry_run=dry_run, **options):
            hashed[name] = result
            yield name, result, processed  # at an exception, collectstatic stops
        for name, result in hashed.items():
            if self._keep_only_hashed and result not in (None, name):
                self.delete(name)

    def stored_name(self, name: str) -> str:
        """Return the hashed name; explain an error more fully than Django does."""
        try:
            return str(super().stored_name(name))
        except ValueError as error:
            found = None
            with suppress(SuspiciousOperation):  # such as "/css/app.css"
                found = finders.find(name)
            hint = f"Run collectstatic, which finds {found}." if found else "No finder finds it."
            raise MissingEntryError(f"{error}{_requested_in()}. {hint}") from None


def _requested_in() -> str:
    """Return the template and the line that are being rendered, as far as the stack tells."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        node = frame.f_locals.get("self")
        if isinstance(node, Node) and node.token is not None:
            return f", requested in {node.origin}, line {node.token.lineno}"
        frame = frame.f_back
    return ""


class CompressedManifestStaticFilesStorage(CompressionMixin, _ManifestStorage):
    """Django's ManifestStaticFilesStorage with sidecars for hashed and plain names.

    Arguments:
        compress, exclude: As for ``CompressionMixin``.
        keep_only_hashed: Whether to delete the files with plain names from STATIC_ROOT.
        manifest_strict: Whether the name of a file that is not in the manifest is an error, even if
            the file exists. By default, Django's class attribute of this name decides (True).
    """
