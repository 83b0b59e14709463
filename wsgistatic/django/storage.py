"""Storages whose ``collectstatic`` also writes sidecars.

Strategy: Django's own post-processing runs first and is handed on; then all files that it collected
or made are compressed in parallel, by the same code as ``wsgistatic compress``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage

from wsgistatic.compress.compressor import Action, Compressor, Result
from wsgistatic.files.directory import single_file
from wsgistatic.http.media_types import why_not_compressed

# What Django expects for each file: its name, that of what was made of it, whether it was.
Processed = tuple[str, "str | None", "bool | Exception"]


class CompressionMixin:
    """Adds sidecars to a storage of local files.

    Arguments:
        compress: keyword arguments of ``wsgistatic.compress.Compressor`` (``codings``, ``levels``,
            ``min_size``, ``min_saving``), and ``jobs``; the others are the storage's own.
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
        """Process files after they were collected.

        Arguments:
            paths: by name, the storage and path that a file came from.
            dry_run: change nothing.

        Yields:
            For each sidecar that was written or removed the file's name, the sidecar's name and
            True; at the end, for each file that could not be compressed, the exception.
        """
        names = set(paths)
        post_process = getattr(super(), "post_process", None)
        if post_process is not None:
            for original, made, processed in post_process(paths, dry_run=dry_run, **options):
                names.update([made] if made and not isinstance(processed, Exception) else [])
                yield original, made, processed
        if not dry_run:
            yield from self._write_sidecars(names)

    def _write_sidecars(self, names: set[str]) -> Iterator[Processed]:
        storage: Any = self
        by_path = {storage.path(name): name for name in sorted(names)}
        files = [single_file(path) for path in by_path if _is_compressible(path)]
        failed: list[Result] = []
        for result in self._compressor.compress_files(files, self._jobs):
            if result.error is not None:
                failed.append(result)
            name = by_path[result.path]
            for sidecar in result.sidecars:
                if sidecar.action not in (Action.KEPT, Action.NONE):
                    yield name, name + sidecar.path[len(result.path) :], True
        for result in failed:
            yield by_path[result.path], None, result.error or True


def _is_compressible(path: str) -> bool:
    return why_not_compressed(os.path.basename(path)) is None


class CompressedStaticFilesStorage(CompressionMixin, StaticFilesStorage):
    """Django's StaticFilesStorage with sidecars."""


class CompressedManifestStaticFilesStorage(CompressionMixin, ManifestStaticFilesStorage):
    """Django's ManifestStaticFilesStorage with sidecars, of hashed and of plain names."""
