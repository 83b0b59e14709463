"""Checks of option values at construction, and what the checked options make together."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from wsgistatic.body import DEFAULT_BLOCK_SIZE
from wsgistatic.custom_headers import CustomHeaders
from wsgistatic.describer import Describer, EtagMode
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


def check_choice(option: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if not any(value is one or (isinstance(value, str) and value == one) for one in allowed):
        names = ", ".join(map(repr, allowed))
        raise ValueError(f"{option} must be one of {names}, not {value!r}")


def check_encodings(value: object) -> None:
    """Raise TypeError or ValueError unless the value is a sequence of codings, each once."""
    allowed = "a sequence of " + ", ".join(map(repr, SUFFIXES))
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"encodings must be {allowed}, not {value!r}")
    if any(coding not in tuple(SUFFIXES) for coding in value) or len(set(value)) != len(value):
        raise ValueError(f"encodings must be {allowed}, each once, not {value!r}")


def check_bool(option: str, value: object, alternative: str = "") -> None:
    """Raise TypeError unless the value is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False{alternative}, not {value!r}")


def check_integer(option: str, value: object, least: int) -> None:
    """Raise TypeError or ValueError unless the value is an integer of at least so much."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{option} must be an integer of at least {least}, not {value!r}")
    if value < least:
        raise ValueError(f"{option} must be at least {least}, not {value!r}")


def check_seconds(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a finite number of seconds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{option} must be a number of seconds, not {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{option} must be at least 0 and finite, not {value!r}")


def check_file_name(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a plain file name."""
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a file name or None, not {value!r}")
    if value in ("", ".", "..") or "/" in value or "\0" in value or os.sep in value:
        raise ValueError(f"{option} must be a file name without a directory, not {value!r}")


def check_path(option: str, value: object) -> str:
    """Give a path as str; raise TypeError or ValueError unless it is one."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{option} must be a path, not {value!r}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError(f"{option} must be a path of text, not {value!r}")
    if not path or "\0" in path:
        raise ValueError(f"{option} must be a path, not {value!r}")
    # Not abspath: it would fold "current/../shared" without asking where "current" leads.
    return os.path.join(os.getcwd(), path)
