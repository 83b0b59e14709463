"""Storages for which ``collectstatic`` also writes sidecars.

Django's own post-processing runs first. Then all files that it collected or created are compressed
in parallel, in the same way as by ``wsgistatic compress``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage

from wsgistatic.commands.output import printable
from wsgistatic.compress.compressor import Action, Compressor
from wsgistatic.files.directory import Directory, File, OpenFile, single_file
from wsgistatic.files.errors import logger
from wsgistatic.http.media_types import why_not_compressed

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
    """

    def __init__(
        self, *args: Any, compress: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        options = dict(compress or {})
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
        names = set(paths)
        post_process = getattr(super(), "post_process", None)
        if post_process is not None:
            for name, result, processed in post_process(paths, dry_run=dry_run, **options):
                if result and not isinstance(processed, Exception):
                    names.add(result)
                yield printable(name), result and printable(result), processed
        if dry_run:
            return
        storage: Any = self
        root = storage.path("")
        files: dict[str, tuple[str, File]] = {}
        for name in sorted(names):
            below = os.path.relpath(storage.path(name), root)
            if not why_not_compressed(os.path.basename(below)):
                file = _CollectedFile(Directory(root), tuple(below.split(os.sep)))
                files[file.path] = printable(name), file
        failures: list[Processed] = []
        left: list[str] = []
        chosen = (file for _, file in files.values())
        for result in self._compressor.compress_files(chosen, self._jobs):
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


class CompressedStaticFilesStorage(CompressionMixin, StaticFilesStorage):
    """Django's StaticFilesStorage with sidecars."""


class CompressedManifestStaticFilesStorage(CompressionMixin, ManifestStaticFilesStorage):
    """Django's ManifestStaticFilesStorage with sidecars for hashed and plain names."""
