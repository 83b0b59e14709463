"""The options, checked at construction, and what they make together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

from wsgistatic.beneath import Symlinks
from wsgistatic.body import DEFAULT_BLOCK_SIZE
from wsgistatic.checks import (
    check_bool,
    check_choice,
    check_encodings,
    check_file_name,
    check_inner_path,
    check_integer,
    check_seconds,
)
from wsgistatic.custom_headers import CustomHeaders
from wsgistatic.describer import Describer, EtagMode
from wsgistatic.events import OnAnswer
from wsgistatic.immutable import Immutable
from wsgistatic.media_types import MediaTypes
from wsgistatic.policy import CacheControl, HeaderPolicy
from wsgistatic.ranges import DEFAULT_MAX_RANGES
from wsgistatic.sidecars import SUFFIXES

DEFAULT_CACHE_CONTROL = "public, max-age=60"


class FileOptionValues(TypedDict, total=False):
    """The keyword arguments that ``FileOptions`` takes, for type checkers."""

    cache_control: CacheControl
    immutable: Immutable
    allow_origin: str | None
    nosniff: bool
    media_types: Mapping[str, str] | None
    charset: str | None
    etag: EtagMode
    block_size: int
    max_ranges: int
    file_wrapper: bool | None
    encodings: Sequence[str]
    headers: CustomHeaders


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """The options that ``StaticFiles`` and ``FileApp`` share; see the README for each."""

    cache_control: CacheControl = DEFAULT_CACHE_CONTROL
    immutable: Immutable = None
    allow_origin: str | None = None
    nosniff: bool = True
    media_types: Mapping[str, str] | None = None
    charset: str | None = "utf-8"
    etag: EtagMode = "stat"
    block_size: int = DEFAULT_BLOCK_SIZE
    max_ranges: int = DEFAULT_MAX_RANGES
    file_wrapper: bool | None = None
    encodings: Sequence[str] = tuple(SUFFIXES)
    headers: CustomHeaders = None

    def __post_init__(self) -> None:
        check_choice("etag", self.etag, ("stat", "content", None))
        check_integer("block_size", self.block_size, 1)
        check_integer("max_ranges", self.max_ranges, 0)
        if self.file_wrapper is not None:
            check_bool("file_wrapper", self.file_wrapper, " or None")
        check_encodings(self.encodings)

    @classmethod
    def of(cls, values: FileOptionValues, others: Iterable[str]) -> FileOptions:
        """Make them of keyword arguments.

        Arguments:
            values: by name.
            others: names of the options that are taken beside these.

        Raises:
            TypeError, ValueError: naming the option, the value and what is allowed.
        """
        names = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in names:
                allowed = ", ".join(sorted([*names, *others]))
                raise TypeError(f"{name}={value!r} is no option; there are {allowed}")
        return cls(**values)

    def policy(self) -> HeaderPolicy:
        """Make the header policy."""
        return HeaderPolicy(
            self.cache_control, self.nosniff, self.allow_origin, self.immutable, self.headers
        )

    def find_media_types(self) -> MediaTypes:
        """Make the table of media types."""
        return MediaTypes(self.media_types, self.charset)

    def describer(self, policy: HeaderPolicy) -> Describer:
        """Make the describer."""
        return Describer(self.find_media_types(), policy, self.etag)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOptions:
    """The options of ``StaticFiles`` alone; see the README for each."""

    index: str | None
    symlinks: Symlinks
    dotfiles: bool
    listing: bool
    fallback: str | None
    not_found: str | None
    clean_urls: bool
    check_dir: bool
    stat_ttl: float
    cache_size: int
    cache_file_size: int
    compress: bool
    offload: tuple[str, str] | None
    no_store_misses: bool
    on_answer: OnAnswer | None

    def __post_init__(self) -> None:
        check_choice("symlinks", self.symlinks, ("inside", "follow", "deny"))
        for option in _SWITCHES:
            check_bool(option, getattr(self, option))
        if self.index is not None:
            check_file_name("index", self.index)
        check_seconds("stat_ttl", self.stat_ttl)
        check_integer("cache_size", self.cache_size, 0)
        check_integer("cache_file_size", self.cache_file_size, 0)
        if self.compress and self.cache_size == 0:
            raise ValueError("compress must be False where cache_size is 0, not True")
        if self.on_answer is not None and not callable(self.on_answer):
            raise TypeError(f"on_answer must be a callable or None, not {self.on_answer!r}")
        for option in ("fallback", "not_found"):
            if getattr(self, option) is not None:
                check_inner_path(option, getattr(self, option))


_SWITCHES = (*("dotfiles", "listing", "clean_urls", "check_dir", "compress", "no_store_misses"),)
