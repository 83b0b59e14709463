"""From the argument ``source`` to what serves it, or an error that says what is allowed."""

from __future__ import annotations

import io
import os
from typing import Any

from wsgistatic.checks import check_path
from wsgistatic.directory import Resource, single_file
from wsgistatic.shared_file import open_file_resource
from wsgistatic.sources import MemorySource, ObjectSource, Seekable, Source, Traversable
from wsgistatic.traversables import is_traversable, traversable_source

AnySource = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | io.BytesIO | Seekable | Traversable
)

_ALLOWED = (
    "a path, bytes, a binary file object that can seek, or a Traversable such as zipfile.Path"
)

_WRAPPERS = 2  # around a file object, at most


def find_source(source: object) -> Resource | Source:
    """Give what serves a source.

    Arguments:
        source: a path; ``bytes`` and the like, or a BytesIO, as they are now; an open binary
            file or any object with ``seek``, ``tell`` and ``read``; a ``Traversable``.

    Raises:
        TypeError, ValueError: naming the value and what is allowed.
    """
    if isinstance(source, (str, os.PathLike)):
        return single_file(check_path("source", source))
    if not isinstance(source, io.IOBase):
        source = _unwrap(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return MemorySource(bytes(source))
    if is_traversable(source):
        return traversable_source(source)
    if not all(callable(getattr(source, name, None)) for name in ("seek", "tell", "read")):
        raise TypeError(f"source must be {_ALLOWED}, not {source!r}")
    return _file_object(source)


def _file_object(file: Any) -> Resource | Source:
    if getattr(file, "closed", False):
        raise ValueError(f"source must be open, as {file!r} is not")
    for ability in ("readable", "seekable"):
        if not getattr(file, ability, lambda: True)():
            raise ValueError(f"source must be {ability}, as {file!r} is not")
    if isinstance(file.read(0), str):
        raise TypeError(f"source must be {_ALLOWED}, not {file!r}, which is one of text")
    if isinstance(file, io.BytesIO):
        return MemorySource(file.getvalue())  # CPython shares the bytes until one of both changes
    return open_file_resource(file) or ObjectSource(file)


def _unwrap(source: object) -> object:
    """Give the file object inside a temporary file, an upload, or Django's file of a field."""
    inner = source
    for _ in range(_WRAPPERS):
        inner = getattr(inner, "file", None)
        if isinstance(inner, io.IOBase):
            return inner
    return source
