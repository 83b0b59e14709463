"""From a file's status to its Representation, by the options that concern headers."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Literal

from wsgistatic.content_digest import ContentDigests, content_etag
from wsgistatic.directory import OpenFile, Resource
from wsgistatic.media_types import MediaTypes
from wsgistatic.policy import HeaderPolicy
from wsgistatic.representation import (
    Representation,
    coded_etag,
    describe,
    is_version_settled,
    make_validators,
    stat_etag,
)
from wsgistatic.selection import Selected

EtagMode = Literal["stat", "content"] | None

# Of the process: an app that is made in a view lives for one request, its files live longer.
_CONTENT_DIGESTS = ContentDigests()


class Describer:
    """Makes representations.

    Arguments:
        media_types: finds the Content-Type.
        policy: the fields that do not describe the file.
        etag: ``"stat"``, ``"content"`` or None.
    """

    def __init__(self, media_types: MediaTypes, policy: HeaderPolicy, etag: EtagMode) -> None:
        self._media_types = media_types
        self._policy = policy
        self._etag = etag

    def describe(
        self, selected: Selected, url: str, opened: OpenFile | None = None
    ) -> Representation:
        """Describe the selected representation.

        Arguments:
            selected: whose bytes, and what of.
            url: URL path, for the policy.
            opened: the source's open file, where there is one.

        Raises:
            OSError: the file had to be read for its tag, and could not be.
        """
        original, source = selected.original, selected.source
        status = selected.status if opened is None else opened.status
        now_ns = time.time_ns()
        settled = is_version_settled(status, now_ns)
        if source is not original:
            settled = settled and is_version_settled(selected.original_status, now_ns)
        digest = self._digest(source, status, settled, opened)
        tag = self._opaque_tag(status, digest)
        if tag is not None and selected.coding is not None:
            tag = coded_etag(tag, selected.coding)
        content_type = self._media_types.content_type(os.path.basename(original.path))
        content_type, policy = self._policy.for_file(original.path, url, content_type)
        return describe(
            path=source.path,
            size=status.st_size,
            content_type=content_type,
            validators=make_validators(status, tag, now_ns),
            policy=policy,
            settled=settled,
            coding=selected.coding,
            varies=selected.varies,
            digest=digest,
        )

    def _opaque_tag(self, status: os.stat_result, digest: bytes | None) -> str | None:
        if self._etag == "stat":
            return stat_etag(status)
        return None if digest is None else content_etag(digest)

    def _digest(
        self,
        source: Resource,
        status: os.stat_result,
        settled: bool,
        opened: OpenFile | None,
    ) -> bytes | None:
        if self._etag != "content":
            return None
        with ExitStack() as stack:

            def open_file() -> OpenFile:
                return opened or stack.enter_context(source.open())

            return _CONTENT_DIGESTS.digest(status, settled, open_file)
