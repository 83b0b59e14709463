"""From a file's status to its Representation, by the options that concern headers."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Literal

from wsgistatic.content_tag import ContentTags
from wsgistatic.directory import OpenFile, Resource
from wsgistatic.media_types import MediaTypes
from wsgistatic.policy import HeaderPolicy
from wsgistatic.representation import (
    Representation,
    describe,
    is_version_settled,
    make_validators,
    stat_etag,
)

EtagMode = Literal["stat", "content"] | None


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
        self._content_tags = ContentTags()

    def describe(
        self,
        resource: Resource,
        status: os.stat_result,
        url: str,
        opened: OpenFile | None = None,
    ) -> Representation:
        """Describe one version of a file.

        Arguments:
            resource: the file.
            status: of the version.
            url: URL path, for the policy.
            opened: the version's open file, where there is one.

        Raises:
            OSError: the file had to be read for its tag, and could not be.
        """
        now_ns = time.time_ns()
        settled = is_version_settled(status, now_ns)
        return describe(
            path=resource.path,
            status=status,
            content_type=self._media_types.content_type(os.path.basename(resource.path)),
            validators=make_validators(
                status, self._opaque_tag(resource, status, settled, opened), now_ns
            ),
            policy=self._policy.for_file(resource.path, url),
            refusal_policy=self._policy.common,
            settled=settled,
        )

    def _opaque_tag(
        self,
        resource: Resource,
        status: os.stat_result,
        settled: bool,
        opened: OpenFile | None,
    ) -> str | None:
        if self._etag == "stat":
            return stat_etag(status)
        if self._etag is None:
            return None
        with ExitStack() as stack:

            def open_file() -> OpenFile:
                return opened or stack.enter_context(resource.open())

            return self._content_tags.tag(status, settled, open_file)
