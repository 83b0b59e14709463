"""One file, one name: the spelling in its directory, also where the file system accepts others.

Windows and macOS find ``read.me`` by the name ``READ.ME`` too, and other names in another normal
form of Unicode. If such names were served, a rule of the front server for ``/private/`` could be
passed by ``/PRIVATE/``, and caches would hold copies under many URLs.

After a name has led to something, it is looked up in its directory. Names that lead to nothing cost
no more than elsewhere. Linux has such file systems too, but looks only for short names, see
``Directory.has_alias``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from wsgistatic.files.errors import not_found_error
from wsgistatic.files.symlinks import Action, T, Walker
from wsgistatic.files.windows import SYSTEM

# Returns whether a directory lists a name.
Lists = Callable[[str, str], bool]


def lists(directory: str, name: str) -> bool:
    """Return whether a directory lists a name, by reading the directory."""
    with os.scandir(directory) as entries:
        return any(entry.name == name for entry in entries)


def lists_on_windows(directory: str, name: str) -> bool:
    """Return whether a directory lists a name, by one system call, however large it is."""
    return bool(SYSTEM.listed_name(os.path.join(directory, name)) == name)


def lookup_for(platform: str) -> Lists | None:
    """Return how to look a name up on a ``sys.platform``; None if it has one spelling anyway."""
    return {"win32": lists_on_windows, "cygwin": lists, "darwin": lists}.get(platform)


LOOKUP = lookup_for(sys.platform)


class SpellingWalker(Walker):
    """Walks as another walker does, but only by names that the directories list."""

    def __init__(self, walker: Walker, root: str, lists: Lists) -> None:
        super().__init__(root)
        self._walker, self._lists = walker, lists

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the last name; see ``Walker.visit``."""
        try:
            result = self._walker.visit(segments, action)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError:  # it shows that there is something, such as a directory
            self._require_listed(segments)
            raise
        try:
            self._require_listed(segments)
        except BaseException:
            if isinstance(result, int):
                os.close(result)
            elif hasattr(result, "close"):
                result.close()
            raise
        return result

    def _require_listed(self, segments: tuple[str, ...]) -> None:
        if not is_listed(self._root, segments, self._lists):
            raise not_found_error()


def is_listed(root: str, segments: tuple[str, ...], lists: Lists) -> bool:
    """Return whether each name below a root is listed by its directory."""
    return all(
        lists(os.path.join(root, *segments[:depth]), name) for depth, name in enumerate(segments)
    )
