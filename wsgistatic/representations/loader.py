"""Between the catalog and what fills it: a file and its codings, each described once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import OpenFile
from wsgistatic.files.errors import is_missing
from wsgistatic.files.versions import signature
from wsgistatic.representations.cache import Catalog, Entry, Key
from wsgistatic.representations.representation import Describer, Representation, is_dated_ahead
from wsgistatic.representations.sidecars import Selected, Selector, is_fresh

if TYPE_CHECKING:
    pass


class Keeper:
    """Describes selected representations, and puts them into a catalog.

    Arguments:
        catalog: where they go.
        describer: describes the file that a coding is of.
        selector: looks for sidecars again.
    """

    def __init__(self, catalog: Catalog, describer: Describer, selector: Selector) -> None:
        self._catalog = catalog
        self._describer = describer
        self._look = selector.look

    def describe(
        self, path_info: str, url: str, selected: Selected, opened: OpenFile | None = None
    ) -> Representation:
        """Describe what was selected, or find the description in the catalog.

        Arguments:
            path_info: the file's key.
            url: its URL path, for the policy.
            selected: the selection.
            opened: the source's open file, where there is one.

        Raises:
            OSError: as ``Describer.describe``.
        """
        key = path_info if selected.coding is None else (path_info, selected.coding)
        known = self._catalog.entries.get(key)
        if (
            known is not None
            and known.signature == signature(opened.status if opened else selected.status)
            and known.representation.varies == selected.varies
            and known.representation.validators.date_is_strong  # else it may be by now
            and not is_dated_ahead(known.representation, time.time())
        ):
            return known.representation
        return self._describer.describe(selected, url, opened)

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
        original = self._original(path_info, url, selected)
        original = self._catalog.keep_choice(key, original, accept_encoding)
        self._catalog.keep(key, self._entry(selected, representation, status, content, original))

    def keep_compressed(
        self, key: Key, selected: Selected, representation: Representation, content: bytes
    ) -> Entry:
        """Keep what the selected file was compressed to."""
        entry = self._entry(selected, representation, selected.status, content)
        self._catalog.keep(key, entry)
        return entry

    def keep_choice(
        self, key: Key, accept_encoding: str | None, selected: Selected, own: Representation
    ) -> None:
        """Keep the selected file, and which of its codings an Accept-Encoding leads to."""
        original = self._entry(selected, own, selected.status)
        self._catalog.keep_choice(key, original, accept_encoding)

    def _original(self, path_info: str, url: str, selected: Selected) -> Entry:
        status = selected.original_status
        own = selected._replace(source=selected.original, status=status, coding=None)
        return self._entry(own, self.describe(path_info, url, own), status)

    def _entry(
        self,
        selected: Selected,
        representation: Representation,
        status: os.stat_result,
        content: bytes | None = None,
        original: Entry | None = None,
    ) -> Entry:
        entry = Entry(representation, status, selected.source.recheck, content, original=original)
        path = selected.original.path
        entry.watch_sidecars(lambda: self._look(path), selected.seen)
        return entry


_TRIES = 8  # a file that is rewritten just now is looked at anew so often


def _open_sidecar(selected: Selected) -> OpenFile:
    """Open the coding that was selected, which may have gone or changed since."""
    try:
        opened = selected.source.open()
    except OSError as error:
        if not is_missing(error):
            raise
        raise FileChangedError("the sidecar cannot be opened any more") from None
    if not is_fresh(opened.status, selected.original_status):
        opened.file.close()
        raise FileChangedError("the sidecar is older than its file now")
    return opened
