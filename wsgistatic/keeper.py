"""What goes into the catalog after a file was answered for: itself and its codings."""

from __future__ import annotations

import os

from wsgistatic.catalog import Catalog, Entry, Key
from wsgistatic.describer import Describer
from wsgistatic.representation import Representation
from wsgistatic.selection import Selected, Selector


class Keeper:
    """Puts selected representations into a catalog.

    Arguments:
        catalog: where they go.
        describer: describes the file that a coding is of.
        selector: looks for sidecars again.
    """

    def __init__(self, catalog: Catalog, describer: Describer, selector: Selector) -> None:
        self._catalog = catalog
        self._describer = describer
        self._look = selector.look

    def keep(
        self,
        path_info: str,
        url: str,
        accept_encoding: str | None,
        selected: Selected,
        representation: Representation,
        status: os.stat_result,
        content: bytes | None = None,
    ) -> None:
        """Keep what was selected.

        Arguments:
            path_info: the file's key.
            url: its URL path, for the policy.
            accept_encoding: the value that led to the selection.
            selected: the selection.
            representation: its description.
            status: of the version that is described.
            content: its bytes, where they are to be kept.
        """
        if not representation.settled:
            return
        if selected.coding is None:
            entry = self._entry(selected, representation, status, content)
            if selected.varies:
                self._catalog.keep_choice(path_info, entry, accept_encoding)
            else:
                self._catalog.keep(path_info, entry)
            return
        key: Key = (path_info, selected.coding)
        original = self._original(selected, url)
        original = self._catalog.keep_choice(key, original, accept_encoding)
        self._catalog.keep(key, self._entry(selected, representation, status, content, original))

    def _original(self, selected: Selected, url: str) -> Entry:
        status = selected.original_status
        own = selected._replace(source=selected.original, status=status, coding=None)
        return self._entry(own, self._describer.describe(own, url), status)

    def _entry(
        self,
        selected: Selected,
        representation: Representation,
        status: os.stat_result,
        content: bytes | None = None,
        original: Entry | None = None,
    ) -> Entry:
        entry = Entry(representation, status, selected.source.recheck, content, original=original)
        if selected.seen:
            path = selected.original.path
            entry.watch_sidecars(lambda: self._look(path), selected.seen)
        return entry
