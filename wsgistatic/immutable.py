"""The option ``immutable``: which URLs name one version of a file for good.

Strategy: whatever the option's form, a rule made of it is a function of the URL path that never
raises; a doubt is a no.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from wsgistatic.hashed_names import is_hashed

logger = logging.getLogger("wsgistatic")

Immutable = str | re.Pattern[str] | Callable[[str], object] | None

# A year is the longest that caches are asked to honour; RFC 8246 adds that a reload need not ask.
IMMUTABLE_CACHE_CONTROL = "public, max-age=31536000, immutable"

_ALLOWED = (
    "'hashed', a regular expression that is searched on the URL path, a callable (url) -> bool "
    "or None"
)


def immutable_rule(value: Immutable) -> Callable[[str], bool]:
    """Make the function that tells whether a URL path is immutable.

    Arguments:
        value: ``"hashed"`` (see ``hashed_names.is_hashed``); a regular expression, as text or
            compiled, that is searched on the URL path; a callable of the URL path, which is true
            for an immutable one; None for no URL.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if value is None:
        return _never
    if isinstance(value, str):
        return is_hashed if value == "hashed" else _search(_compile(value))
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return _search(value)
    if callable(value):
        return _guard(value)
    raise TypeError(f"immutable must be {_ALLOWED}, not {value!r}")


def _never(url: str) -> bool:
    return False


def _compile(text: str) -> re.Pattern[str]:
    # "hash" for "hashed" would make every URL with these letters in it immutable.
    if not text or text.isalpha():
        raise ValueError(f"immutable must be {_ALLOWED}, not the mere word {text!r}")
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"immutable must be {_ALLOWED}, not {text!r}: {error}") from error


def _search(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    def is_immutable(url: str) -> bool:
        return pattern.search(url) is not None

    return is_immutable


def _guard(function: Callable[[str], object]) -> Callable[[str], bool]:
    def is_immutable(url: str) -> bool:
        try:
            return bool(function(url))
        except Exception:
            logger.exception("%a: the immutable function failed", url)
            return False

    return is_immutable
