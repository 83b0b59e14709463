"""The options, checked at construction, and what they make together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypedDict

from wsgistatic.files.body import DEFAULT_BLOCK_SIZE
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.ranges import DEFAULT_MAX_RANGES
from wsgistatic.representations.headers import CacheControl, CustomHeaders, HeaderPolicy
from wsgistatic.representations.immutable import Immutable
from wsgistatic.representations.representation import Describer, EtagMode
from wsgistatic.validation import (
    check_bool,
    check_choice,
    check_file_name,
    check_inner_path,
    check_integer,
    check_seconds,
)

if TYPE_CHECKING:
    from wsgistatic.wsgi.events import OnAnswer

if TYPE_CHECKING:
    pass

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
    encodings: Sequence[str] = PREFERENCE
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


def check_encodings(value: object) -> None:
    """Raise TypeError or ValueError unless the value is a sequence of codings, each once."""
    allowed = "a sequence of " + ", ".join(map(repr, PREFERENCE))
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"encodings must be {allowed}, not {value!r}")
    if any(coding not in PREFERENCE for coding in value) or len(set(value)) != len(value):
        raise ValueError(f"encodings must be {allowed}, each once, not {value!r}")


# Takes the name of an option and its text; gives its value or raises ValueError.
Converter = Callable[[str, str], Any]

_BOOLS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_BOOLS_OR_NONE = {**_BOOLS, "none": None}
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_INTEGER = re.compile(r"[0-9]{1,18}")
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMG]iB|)")


def _text(option: str, text: str) -> str:
    return text


def _text_or_none(option: str, text: str) -> str | None:
    return None if text.lower() == "none" else text


def _one_of(words: Mapping[str, bool | None]) -> Converter:
    def convert(option: str, text: str) -> bool | None:
        if text.lower() not in words:
            raise ValueError(f"{option} must be one of {', '.join(words)}, not {text!r}")
        return words[text.lower()]

    return convert


def _integer(option: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{option} must be a whole number, such as 200, not {text!r}")
    return int(text)


def _seconds(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} must be a number of seconds, not {text!r}") from None


def _size(option: str, text: str) -> int:
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(
            f"{option} must be a number of bytes, KiB, MiB or GiB, such as 65536 or 64 KiB, "
            f"not {text!r}"
        )
    return int(size[1]) * _UNITS[size[2]]


def _media_types(option: str, text: str) -> dict[str, str]:
    media_types = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, media_type = (part.strip() for part in line.partition("="))
        if not equals:
            raise ValueError(f"{option} must have lines such as .ext = text/plain, not {line!r}")
        media_types[name] = media_type
    return media_types


def _headers(option: str, text: str) -> dict[str, str] | None:
    if text.lower() == "none":
        return None
    headers = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise ValueError(f"{option} must have lines such as X-Name: value, not {line!r}")
        headers[name] = value
    return headers


def _words(option: str, text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else tuple(text.split())


def _words_or_none(option: str, text: str) -> tuple[str, ...] | None:
    return _words(option, text) or None


CONVERTERS: dict[str, Converter] = {
    "directory": _text,
    "prefix": _text,
    "index": _text_or_none,
    "symlinks": _text,
    "dotfiles": _one_of(_BOOLS),
    "listing": _one_of(_BOOLS),
    "fallback": _text_or_none,
    "not_found": _text_or_none,
    "clean_urls": _one_of(_BOOLS),
    "check_dir": _one_of(_BOOLS),
    "stat_ttl": _seconds,
    "cache_size": _size,
    "cache_file_size": _size,
    "cache_control": _text_or_none,
    "allow_origin": _text_or_none,
    "nosniff": _one_of(_BOOLS),
    "media_types": _media_types,
    "charset": _text_or_none,
    "etag": _text_or_none,
    "block_size": _size,
    "max_ranges": _integer,
    "file_wrapper": _one_of(_BOOLS_OR_NONE),
    "encodings": _words,
    "compress": _one_of(_BOOLS),
    "headers": _headers,
    "no_store_misses": _one_of(_BOOLS),
    "immutable": _text_or_none,
    "offload": _words_or_none,
}
