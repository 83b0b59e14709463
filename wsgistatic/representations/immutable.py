"""The option ``immutable``: which URLs permanently name one version of a file.

Whatever form the option has, the rule made from it is a function (path, url) that never raises.
In doubt it returns False: a false positive pins a stale file in browsers for a year, while a false
negative only costs a revalidation.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from wsgistatic.files.errors import logger
from wsgistatic.validation import check_parameters

Immutable = str | re.Pattern[str] | Callable[[str, str], object] | None

# A year is the longest lifetime that caches are expected to honour. With "immutable" (RFC 8246)
# browsers do not even revalidate when the user reloads the page.
IMMUTABLE_CACHE_CONTROL = "max-age=31536000, immutable"

_ALLOWED = (
    "'hashed', a regular expression that is searched on the URL path, "
    "a callable (path, url) -> bool or None"
)


class ImmutableRule(ABC):
    """A rule of this package, which never raises."""

    @abstractmethod
    def __call__(self, path: str, url: str) -> bool:
        """Return whether a URL path is immutable."""


def immutable_rule(value: Immutable) -> Callable[[str, str], bool]:
    """Return the function (path, url) that decides whether a URL path is immutable."""
    if isinstance(value, ImmutableRule):
        return value
    if value is None:
        return lambda path, url: False
    if value == "hashed":
        return lambda path, url: is_hashed(url)
    pattern = _compile(value) if isinstance(value, str) else value
    if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
        return lambda path, url: pattern.search(url) is not None
    if callable(value):
        check_parameters("immutable", value, "path", "url")
        return partial(_call, value)
    raise TypeError(f"immutable must be {_ALLOWED}, not {value!r}")


def _compile(text: str) -> re.Pattern[str]:
    # As a regular expression "hash", a typo for "hashed", would match every URL that contains it.
    if not text or text.isalpha():
        raise ValueError(f"immutable must be {_ALLOWED}, not the mere word {text!r}")
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"immutable must be {_ALLOWED}, not {text!r}: {error}") from error


def _call(function: Callable[[str, str], object], path: str, url: str) -> bool:
    try:
        return bool(function(path, url))
    except Exception:
        logger.exception("%a: the immutable function failed", url)
        return False


def is_hashed(url: str) -> bool:
    """Return whether the name in a URL path contains a hash of the content.

    These are recognised, where ``HASH`` is text that looks like a hash by the rules below:

    - files of Django's ManifestStaticFilesStorage, with any extension or none:
      ``app.55e7cbb9ba48.css``
    - scripts, styles, their ``.map`` files, fonts, images, audio and video from bundlers, named
      ``name-HASH.ext``, ``name.HASH.ext`` or ``name.HASH.chunk.js``. The hash has 8 to 64
      hexadecimal digits, in the lengths that tools write (webpack, Rspack, Parcel, Create React
      App, Gatsby, Next.js, Vite 2), or 8 characters of base64url or base32 (Vite, Rollup,
      Rolldown, esbuild, Angular). In ``HASH.ext`` it has webpack's 20 digits.
    - all files in ``_app/immutable/`` (SvelteKit), ``_next/static/chunks/`` and similar folders
      (Next.js), ``_nuxt/`` except ``_nuxt/builds/`` (Nuxt), and ``_astro/`` (Astro)

    These are not recognised:

    - hashes of other lengths (``[contenthash:6]``), in base36, or in upper-case hexadecimal
    - 8 digits without a letter, or with all letters before or after all digits (9 % of Parcel's)
    - base64 and base32 that might be a word or an identifier (1 in 8 of Vite's hashes, 1 in 5 of
      esbuild's)
    - hashes before the name, after ``_``, or in the query, and UUIDs
    - names that consist of a hash only, except with 20 digits
    - documents and data, except Django's
    - files that accompany a bundle under its name (``x.js.LICENSE.txt``, ``x.js.gz``)
    """
    name = url[url.rfind("/") + 1 :]
    if not name:
        return False
    return _is_from_django(name) or _is_from_bundler(name) or _DIRECTORY.search(url) is not None


# What SvelteKit, Next.js, Nuxt and Astro serve as immutable themselves, whatever the names. (In
# Nuxt, builds/ holds the list of builds, which changes.) The folders may be below another path.
_DIRECTORY = re.compile(
    r"/(?:_app/immutable|_next/static/(?:chunks|css|media|immutable)|_nuxt(?!/builds/)|_astro)/"
)


def _is_from_django(name: str) -> bool:
    before, _, last = name.rpartition(".")
    stem, _, middle = before.rpartition(".")
    digits = (text for name, text in ((stem, middle), (before, last)) if name)
    return any(_is_hex_hash(text, _DJANGO_LENGTH, _MIN_RUNS_DJANGO) for text in digits)


# The extensions of files whose names bundlers hash. Documents and data are not among them, since
# eight characters after their dash may be the number of an invoice.
_CODE = frozenset(("js", "mjs", "cjs", "css", "wasm"))
_BUNDLED = _CODE.union(
    ("woff", "woff2", "ttf", "otf", "eot", "webmanifest"),
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico"),
    ("mp4", "webm", "ogg", "mp3", "wav", "flac", "aac", "m4a"),
)


def _is_from_bundler(name: str) -> bool:
    stem, _, extension = name.removesuffix(".map").rpartition(".")
    if extension not in (_CODE if name.endswith(".map") else _BUNDLED):
        return False
    for kind in (".chunk", ".bundle", ".min"):  # webpack configurations put these after the hash
        stem = stem.removesuffix(kind)
    separator = max(stem.rfind("."), stem.rfind("-"))
    digits = stem[separator + 1 :]
    if _is_hex_hash(digits, _HEX_LENGTHS if separator > 0 else _BARE_LENGTH, _MIN_RUNS):
        return not (_UUID.fullmatch(stem[-36:]) or _UUID_DIGITS.fullmatch(digits))
    # A base64url hash may contain a dash itself, so take it by its length.
    before, text = stem[:-_TEXT_LENGTH], stem[-_TEXT_LENGTH:]
    return len(before) > 1 and before[-1] in ".-" and _is_text_hash(text)


_HEX = re.compile(r"[0-9a-f]+")
_DJANGO_LENGTH = frozenset((12,))
# Parcel and Create React App: 8; Next.js, Rspack, Angular: 16; webpack, Gatsby: 20; file-loader:
# 32; SHA-1: 40; SHA-256: 64. Not 24, since a MongoDB id names an object, not its content.
_HEX_LENGTHS = frozenset((8, 10, 12, 16, 20, 32, 40, 64))
_BARE_LENGTH = frozenset((20,))  # webpack names assets by the hash alone
# A hash alternates between runs of digits and of letters. "20240131" is one run, and "c0012345"
# and "1234567b" are two: a date and two serial numbers. Twelve digits after a dot, as Django has
# them, are hardly ever anything but a hash.
_RUNS = re.compile(r"[0-9]+|[a-f]+")
_MIN_RUNS = 3
_MIN_RUNS_DJANGO = 2
# A UUID names an object as well: 8-4-4-4-12 digits, or 32 digits of version 1, 4 or 7.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_DIGITS = re.compile(r"[0-9a-f]{12}[147][0-9a-f]{3}[89ab][0-9a-f]{15}")


def _is_hex_hash(text: str, lengths: frozenset[int], min_runs: int) -> bool:
    is_hex = len(text) in lengths and _HEX.fullmatch(text) is not None
    return is_hex and len(_RUNS.findall(text)) >= min_runs


_TEXT_LENGTH = 8
_BASE64 = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]*[-_]?[A-Za-z0-9]*")  # Vite, Rollup
_BASE32 = re.compile(r"[A-Z2-7]+")  # esbuild, Angular
_MIN_DISTINCT = 4
# A break is a pair of neighbours that does not occur in words. 87 % of the hashes in real builds
# of Vite and Rollup have 4 breaks or more, and 81 % of esbuild's, but only 81 of 7033 identifiers
# of eight letters in mixed case. With 3 breaks it would be 94 %, 94 % and 366.
_MIN_BREAKS = 4


def _is_text_hash(text: str) -> bool:
    is_base = _BASE64.fullmatch(text) or _BASE32.fullmatch(text)
    return bool(is_base) and len(set(text)) >= _MIN_DISTINCT and _breaks(text) >= _MIN_BREAKS


def _breaks(text: str) -> int:
    """Count the neighbours that do not go together in a word or a number.

    "Settings" and "20240101" have none, "WorkBook" has one, "tM9S3x5c" has seven.
    """
    breaks = 0
    for one, other in pairwise(text):
        if one.isalpha() and other.isalpha():
            hump = one.islower() and other.isupper()
            breaks += hump or (one + other).lower() not in _PAIRS
        elif one not in "-_":
            breaks += not (one.isdigit() and other.isdigit())
    return breaks


# Each letter, and the letters that follow it in more than one of 2000 pairs in English words or
# in identifiers from source code.
_FOLLOWERS = (
    "abcdfghiklmnprstuvwxyz babeilorsu cacehiklorstuy dadegilorsu eabcdefgilmnopqrstuvwxy "
    "faefilortu gaeghilnorsu haeiorstuy iabcdefglmnoprstvxz jaeou kaeils ladeilostuy mabeimopsu "
    "nacdefgiklnostuv oabcdefgiklmnoprstuvwy paehiloprstuy qu rabcdefgiklmnoprstuvy "
    "sacehiklmnopstuwy tacefhilmoprstuy uabcdefgilmnprst vaeio waehinos xeipt yaeimnps zaei"
)
_PAIRS = frozenset(word[0] + follower for word in _FOLLOWERS.split() for follower in word[1:])
