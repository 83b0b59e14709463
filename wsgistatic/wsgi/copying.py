"""Copy and pickle an app by the arguments that it was created with."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from wsgistatic.files.sources import hidden_raw, is_traversable


class _InArchive(NamedTuple):
    """Where a ``zipfile.Path`` leads, without the open archive."""

    kind: type[Any]
    archive: str
    at: str


class Copyable:
    """An app whose copies are created with the same arguments, and have a cache of their own."""

    def _remember(
        self, given: tuple[Any, ...], arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> None:
        """Remember the positional arguments, for ``repr`` and for copies, and the options."""
        self._given, self._arguments, self._options = given, arguments, options

    def __repr__(self) -> str:
        """Return the call that made the app, without its options."""
        return f"{type(self).__name__}({', '.join(map(_short, self._given))})"

    def __getstate__(self) -> Any:
        """Return the arguments of the app, and the attributes that a subclass added.

        Raises:
            TypeError: The app serves an open file.
        """
        # Mappings may be read-only proxies, which cannot be copied.
        options = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in self._options.items()
        }
        arguments = tuple(map(_portable, self._arguments))
        own = vars(self._maker()(*self._arguments, **options))
        return arguments, options, {name: vars(self)[name] for name in vars(self).keys() - own}

    def __setstate__(self, state: Any) -> None:
        """Create the app again."""
        arguments, options, added = state
        opened = [
            one.kind(one.archive, one.at) if isinstance(one, _InArchive) else one
            for one in arguments
        ]
        self._maker().__init__(self, *opened, **options)
        for name, value in added.items():
            setattr(self, name, value)

    @classmethod
    def _maker(cls) -> Any:
        """Return the class whose constructor takes the arguments; a subclass may take others."""
        return next(one for one in cls.__mro__ if Copyable in one.__bases__)


def _short(argument: object) -> str:
    if isinstance(argument, (bytes, bytearray)):
        return f"<{len(argument):,} bytes>"
    return repr(argument)


def _portable(argument: Any) -> Any:
    # Of all that can be served, only a zipfile.Path has the attribute "at".
    is_in_archive = is_traversable(argument) and hasattr(argument, "at")
    if is_in_archive and argument.root.filename is not None:
        return _InArchive(type(argument), os.path.abspath(argument.root.filename), argument.at)
    if is_in_archive or isinstance(argument, io.IOBase) or hidden_raw(argument) is not None:
        raise TypeError(f"cannot copy or pickle an open file, {argument!r}; use its path")
    return argument
