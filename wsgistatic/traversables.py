"""A directory that ``importlib.resources`` gave: of a package in an archive, or in several places.

Strategy: the same interface as ``Directory``. What is a real directory in the end is one, with all
its rules for links; an archive's member is found by its whole name; else a loader is asked name by
name. No name is a way up: paths are taken apart before (``split_path``).
"""

from __future__ import annotations

import os
import zipfile
from typing import Any, TypeGuard

from wsgistatic.beneath import Symlinks, missing
from wsgistatic.directory import Directory, Resource
from wsgistatic.sources import Source, Traversable, TraversableSource
from wsgistatic.zip_members import Archive, ZipMember

_ABSENT = (FileNotFoundError, NotADirectoryError)


class ZipDirectory:
    """The members of an archive below a name."""

    def __init__(self, path: zipfile.Path) -> None:
        self._archive = Archive(path.root)
        name = path.at.rstrip("/")
        self._below = name + "/" if name else ""

    def resource(self, segments: tuple[str, ...]) -> ZipMember:
        """Name a file beneath this directory, whether or not it is there."""
        return ZipMember(self._archive, (self._below + "/".join(segments)).rstrip("/"))


class LoaderDirectory:
    """The files of a package that only its loader can open."""

    def __init__(self, root: Traversable) -> None:
        self._root = root

    def resource(self, segments: tuple[str, ...]) -> TraversableSource:
        """Name a file beneath this directory, whether or not it is there."""
        return TraversableSource(self._root, segments)


class Layers:
    """Several directories as one; the first that has a name decides.

    Arguments:
        directories: at least one.
    """

    def __init__(self, directories: list[AnyDirectory]) -> None:
        self._directories = directories

    def resource(self, segments: tuple[str, ...]) -> Resource | Source:
        """Name a file in the first directory that has it."""
        for directory in self._directories:
            resource = directory.resource(segments)
            if self._has(resource):
                break
        if isinstance(resource, Resource):
            return resource._replace(recheck=lambda: self._look_again(segments, resource))
        return resource

    def _has(self, resource: Resource | Source) -> bool:
        try:
            resource.stat()
        except _ABSENT:
            return False
        except OSError:
            pass  # it is there, if not for us
        return True

    def _look_again(self, segments: tuple[str, ...], seen: Resource) -> os.stat_result:
        """Give the status of a file unless an earlier directory has one by now."""
        if self.resource(segments).path != seen.path:
            raise missing()
        return seen.stat()


AnyDirectory = Directory | ZipDirectory | LoaderDirectory | Layers


def is_traversable(value: object) -> TypeGuard[Traversable]:
    """Tell whether a value is a file or directory of a package and no path."""
    methods = ("joinpath", "is_dir", "is_file", "open")
    return not isinstance(value, os.PathLike) and all(hasattr(value, name) for name in methods)


def traversable_directory(root: Any, symlinks: Symlinks) -> AnyDirectory:
    """Give access to the files beneath a directory of a package.

    Arguments:
        root: what ``importlib.resources.files`` gave, or a directory in it.
        symlinks: for those parts that are real directories.
    """
    if isinstance(root, os.PathLike):
        return Directory(os.path.join(os.getcwd(), root), symlinks)
    if isinstance(root, zipfile.Path):
        return ZipDirectory(root)
    # A namespace package may lie in several places, which no public name tells of.
    places = getattr(root, "_paths", None)
    if places:
        return Layers([traversable_directory(place, symlinks) for place in places])
    return LoaderDirectory(root)


def traversable_source(value: Any) -> Source:
    """Give a file of a package that is no path."""
    if isinstance(value, zipfile.Path):
        return ZipMember(Archive(value.root), value.at)
    return TraversableSource(value)
