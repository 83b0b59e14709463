"""Load the representation of a source that a client gets.

The loader may choose a sidecar of a file, decode it, or compress it in memory. It describes each
version only once, and adds the representation to the cache.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple, TypeGuard, cast

from wsgistatic.files.changes import read_content, read_fully
from wsgistatic.files.decoded import decoded_size, decoded_version
from wsgistatic.files.directory import File, OpenFile
from wsgistatic.files.sources import Opened, Source, Version
from wsgistatic.files.versions import Recency, are_settled, recency, signature
from wsgistatic.http.conditional import Validators
from wsgistatic.http.dictionaries import DCZ, delta_suffix, is_eligible, use_as_dictionary
from wsgistatic.http.fingerprints import fingerprint_of
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding
from wsgistatic.representations.cache import Cache
from wsgistatic.representations.cached_file import NO_FILE, Location, Variant
from wsgistatic.representations.compression import Compression, RefusedError
from wsgistatic.representations.deltas import open_delta
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.representation import (
    EtagMode,
    Representation,
    content_etag,
    dated_from,
    describe_compressed,
    etag_for_coding,
    is_outdated,
    make_validators,
    weak_etag,
)
from wsgistatic.representations.sidecars import Sidecars, SidecarStats, choose_sidecar


class Target(NamedTuple):
    """What a URL leads to: a source, the quoted URL path, and the key of the cache.

    If the URL has a fingerprint, ``url`` is that of the plain name. An empty fingerprint is one
    that is not that of the content.
    """

    source: Source
    url: str
    key: str
    fingerprint: str | None = None


class Choice(NamedTuple):
    """The version that is sent for a target."""

    source: Source  # that of the target, or a sidecar
    version: Version  # of that source; an ``Opened`` one if a body is wanted
    coding: str | None = None  # content coding of the version
    varies: bool = False  # the choice depends on Accept-Encoding
    original_status: os.stat_result | None = None  # for a sidecar, that of its file
    sidecar_stats: SidecarStats | None = None
    stored: Version | None = None  # if the version is decoded, the one that it is decoded from
    is_final: bool = True  # a later request would get the same choice


class Loaded(NamedTuple):
    """The representation of a target that a client gets. Close it after use."""

    target: Target
    choice: Choice
    representation: Representation
    accept_encoding: str | None  # the value that led to the representation
    content: bytes | None = None  # all bytes, if they are in memory already

    @property
    def opened(self) -> Opened:
        """The open version, for callers that wanted a body."""
        return cast(Opened, self.choice.version)

    def close(self) -> None:
        """Close the version; may be called repeatedly."""
        self.choice.version.close()


@dataclass(eq=False)
class Loader:
    """Loads representations."""

    cache: Cache
    sidecars: Sidecars
    policy: HeaderPolicy
    media_types: MediaTypes
    etag: EtagMode
    compression: Compression | None = None
    validators: Validators | None = None  # of the caller, instead of those of the source
    dictionaries: bool = False

    def load(
        self,
        target: Target,
        accept_encoding: str | None,
        *,
        want_body: bool,
        want_range: bool = False,
        dictionary: str | None = None,
    ) -> Loaded:
        """Load the representation for a value of Accept-Encoding (RFC 9110 12.5.3).

        Arguments:
            want_body: whether to open the source; otherwise its status is enough.
            want_range: whether the request has a Range, which refers to stored bytes.
            dictionary: the SHA-256 of the dictionary that the client has, in hexadecimal digits.

        Raises:
            IsADirectoryError: the source is a directory.
            FileChangedError: the source changed while it was opened; try again.
            OSError: the source does not exist or cannot be read.
        """
        version = target.source.open() if want_body else target.source.inspect()
        try:
            content_type, coding = self.media_types.find(target.source.path)
            choice = None
            if self._has_deltas(target.source):
                if want_range:
                    # The codings share an entity tag, so those of different ones could be joined.
                    accept_encoding = IDENTITY
                elif dictionary is not None:
                    choice = _choose_delta(target.source, version, dictionary)
            if choice is None:
                choice = self._choose(target.source, version, coding, accept_encoding)
            version = choice.version
            representation = self._describe(target, choice, content_type)
            own = Loaded(target, choice, representation, accept_encoding)
            return own if want_range or self.compression is None else self._compress(own) or own
        except BaseException:
            version.close()
            raise

    def content_to_keep(self, loaded: Loaded) -> bytes | None:
        """Return all bytes if they are in memory or will be kept there; otherwise None.

        Raise FileChangedError if the file changed while it was read; try again.
        """
        representation, version = loaded.representation, loaded.choice.version
        if loaded.content is not None or not (
            representation.settled
            and version.status is not None
            and version.holder is not None
            and self._keeps_body(loaded)
        ):
            return loaded.content
        if isinstance(version, OpenFile):
            return read_content(version.file, version.status)
        content = read_fully(loaded.opened.file, 0, representation.size)
        if len(content) != representation.size:
            raise OSError(errno.EIO, "the source ended before its length")
        return content

    def _keeps_body(self, loaded: Loaded) -> bool:
        """Return whether the cache keeps the body, by size and by whether it is requested again."""
        representation = loaded.representation
        if self.cache.keeps_body(representation.size, again=False):
            return True
        known = self._cached(loaded.target, loaded.choice.coding)
        again = known is not None and known.representation is representation
        return again and self.cache.keeps_body(representation.size, again=True)

    def remember(self, loaded: Loaded, content: bytes | None = None, *, final: bool = True) -> None:
        """Add a representation to the cache, with its content if that is given.

        ``final`` is whether a request without Range, but with the same value of Accept-Encoding,
        would get the same representation.
        """
        if not self.cache.budget:
            return
        target, choice = loaded.target, loaded.choice
        status, seen = choice.version.status, choice.version.seen
        if status is None or choice.version.holder is None or not choice.is_final:
            return  # no stat shows whether it is current, or the reason for it was temporary
        if not final and self.compression is not None and choice.varies and choice.coding is None:
            return
        original = None
        if choice.original_status is not None:
            original = Location(target.source.path, choice.original_status, target.source, seen)
        is_direct = choice.version.is_direct
        variant = Variant(
            loaded.representation,
            status,
            choice.source,
            content,
            original=original,
            seen=seen,
            is_direct=is_direct,
            folder=self.cache.folder_of(choice.source) if original is None else None,
        )
        stats = choice.sidecar_stats
        self.cache.add(target.key, variant, loaded.accept_encoding, stats, is_direct=is_direct)

    def _choose(
        self, source: Source, version: Version, coding: str | None, accept_encoding: str | None
    ) -> Choice:
        """Choose between a file and its sidecars; other sources have none."""
        if coding is not None:
            return _choose_stored(source, version, coding, accept_encoding)
        status = version.status
        if not isinstance(source, File) or status is None or not source.has_siblings:
            return Choice(source, version)
        varies = self._may_compress(source.path, version.size) or self._has_deltas(source)
        stats = self.sidecars.stats(source.path)
        if not any(stats):
            return Choice(source, version, varies=varies, sidecar_stats=stats)
        found = self.sidecars.find(source, status, stats)
        varies = varies or bool(found.sidecars)
        while chosen := choose_sidecar(found.sidecars, version.size, accept_encoding):
            sent = found.take(chosen, version)
            if sent is not None:
                return Choice(chosen.file, sent, chosen.coding, True, status, found.stats)
        return Choice(source, version, varies=varies, sidecar_stats=found.stats)

    def _has_deltas(self, source: Source) -> TypeGuard[File]:
        """Return whether a source may have deltas, and is offered to clients as a dictionary."""
        return (
            self.dictionaries
            and isinstance(source, File)
            and source.has_siblings
            and is_eligible(source.segments[-1])
            and self.media_types.coding(source.path) is None
        )

    def _may_compress(self, path: str, size: int) -> bool:
        return self.compression is not None and self.compression.applies_to(path, size)

    def _describe(self, target: Target, choice: Choice, content_type: str) -> Representation:
        """Describe the chosen bytes, or return the description from the cache."""
        version, path = choice.version, target.source.path
        known = self._known(target, choice.coding, version)
        if known is not None and known.representation.varies == choice.varies:
            return known.representation
        now_ns, original = time.time_ns(), choice.original_status
        settled = original is None or are_settled(original)
        recent: Recency | None = None
        if version.status is not None:
            recent = recency(version.status, now_ns)
            settled = settled and recent.settled
        of_content = self.etag == "content" and self.validators is None
        digest = choice.source.digest(choice.stored or version) if of_content else None
        if of_content and digest is None:
            settled = False
            if isinstance(version, OpenFile):
                version.refresh()  # it may have grown while it was hashed
                recent = recency(version.status, now_ns)
        is_current = None
        if target.fingerprint is not None:
            # This is decided for the very version that is sent, since the file may have changed.
            is_current = settled and target.fingerprint == self._fingerprint(target, choice)
        tag, has_deltas = self._tag(choice, digest), self._has_deltas(target.source)
        if choice.original_status is not None and has_deltas:
            tag = self._tag_of_original(target.source, choice.original_status)
        if is_current and tag is not None:
            # Clients may have got another version with the same times for this URL, from a machine
            # with another release. A 304 would tell them to keep that for a year.
            tag = f'{tag[:-1]}-{target.fingerprint}"'
        dated = None
        if self.validators is not None:
            validators = self.validators._replace(etag=tag)
        elif recent is None:
            validators = Validators(tag)
        else:
            without_date = of_content or (bool(is_current) and tag is None)
            validators = make_validators(recent, tag, of_content=without_date)
            if validators.last_modified is None and not without_date:
                dated = dated_from(recent)
        pattern, has_fingerprint = None, target.fingerprint is not None
        if has_deltas:
            pattern = use_as_dictionary(target.url, has_fingerprint=has_fingerprint)
            validators = _shared_by_codings(validators, choice.coding)
        is_immutable = is_current is None and self.policy.is_immutable(path, target.url)
        content_type, policy = self.policy.for_file(
            path, target.url, content_type, is_current=is_current, is_immutable=is_immutable
        )
        return Representation(
            version.holder or path,
            version.size,
            content_type,
            validators,
            policy,
            settled,
            coding=choice.coding,
            varies=choice.varies,
            digest=digest if choice.stored is None else None,
            has_ranges=choice.stored is None,
            use_as_dictionary=pattern,
            dated_from=dated,
        )

    def _fingerprint(self, target: Target, choice: Choice) -> str | None:
        """Return the fingerprint of the target's own bytes, whichever coding of it is sent."""
        version = choice.stored or choice.version
        if choice.original_status is not None:
            status = choice.original_status
            version = Version(status.st_size, status, target.source.path)
        digest = target.source.digest(version, "sha384") if target.fingerprint else None
        return None if digest is None else fingerprint_of(digest)

    def _tag(self, choice: Choice, digest: bytes | None) -> str | None:
        """Return the entity tag of the caller, of the content or of the source, in that order."""
        if self.validators is not None:
            tag = self.validators.etag
        elif digest is not None:
            tag = content_etag(digest)
        else:
            text = choice.source.fingerprint(choice.version) if self.etag == "stat" else None
            tag = None if text is None else f'"{text}"'
        return tag if tag is None or choice.coding is None else etag_for_coding(tag, choice.coding)

    def _tag_of_original(self, file: Source, status: os.stat_result) -> str | None:
        """Return the tag that the codings of a file with deltas share with it."""
        original = Version(status.st_size, status, file.path)
        digest = file.digest(original) if self.etag == "content" else None
        return self._tag(Choice(file, original), digest)

    def _cached(self, target: Target, coding: str | None) -> Variant | None:
        return self.cache.files.get(target.key, NO_FILE).variants.get(coding or IDENTITY)

    def _known(self, target: Target, coding: str | None, version: Version) -> Variant | None:
        """Return the cached variant of a version, unless it has to be described again."""
        known = self._cached(target, coding)
        if (
            known
            and version.status is not None
            and known.path == version.holder
            and known.signature == signature(version.status)
            and not is_outdated(known.representation, time.time())
        ):
            return known
        return None

    def _compress(self, loaded: Loaded) -> Loaded | None:
        """Return the file as compressed in memory, or None if its own bytes are to be sent."""
        target, choice, own, accept_encoding, _ = loaded
        compression, file, status = self.compression, choice.source, choice.version.status
        if compression is None or status is None or not isinstance(file, File) or not own.settled:
            return None
        if choice.coding or choice.stored or not compression.applies_to(own.path, own.size):
            return None
        version = signature(status)
        coding = compression.coding_for(version, own.size, accept_encoding)
        if coding is None:
            return None
        known = self._known(target, coding, choice.version)
        if known is not None and known.content is not None:
            return loaded._replace(representation=known.representation, content=known.content)
        try:
            content = compression.compress(
                own.path,
                version,
                coding,
                own.size,
                lambda: _read_version(file, choice.version),
            )
        except RefusedError:
            return loaded._replace(choice=choice._replace(is_final=False))
        if content is None:
            return None
        representation = describe_compressed(own, coding, content)
        return loaded._replace(representation=representation, content=content)


def _choose_delta(file: File, version: Version, dictionary: str) -> Choice | None:
    """Choose the delta for a dictionary; None if there is none."""
    delta = open_delta(file, version, dictionary)
    if delta is None:
        return None
    version.close()
    source = file.with_suffix(delta_suffix(dictionary))
    return Choice(source, delta, DCZ, True, version.status, is_final=False)


def _shared_by_codings(validators: Validators, coding: str | None) -> Validators:
    """Return the validators of a file with deltas, whose codings share a tag and a date."""
    etag = validators.etag
    if etag is not None and coding is not None:
        etag = weak_etag(etag)
    # A range of the file does not fit another coding, so If-Range must not match the date.
    return validators._replace(etag=etag, date_is_strong=False)


def _choose_stored(
    source: Source, version: Version, coding: str, accept_encoding: str | None
) -> Choice:
    """Choose between the bytes of a file that is stored in a coding, and its decoded bytes."""
    available = [(coding, version.size), (IDENTITY, sys.maxsize)]
    chosen = select_coding(acceptable_codings(accept_encoding), available)
    size = decoded_size(source, version, coding) if chosen == IDENTITY else None
    if size is None:
        # RFC 9110 12.5.3 allows a coding that is not acceptable if there is no other.
        return Choice(source, version, coding, varies=True, is_final=chosen == coding)
    decoded = decoded_version(version, coding, size)
    return Choice(source, decoded, varies=True, stored=version)


def _read_version(file: File, version: Version) -> bytes:
    with file.opened(version) as opened:
        return read_content(opened.file, opened.status)
