"""The option ``immutable``: which URLs name one version of a file for good.

Strategy: whatever the option's form, a rule made of it is a function of the URL path that never
raises; a doubt is a no.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from wsgistatic.files.errors import logger

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


# What SvelteKit, Next.js, Nuxt and Astro themselves send as immutable, whatever the names (Nuxt
# without the list of builds); a whole part of a path, as in /base/_astro/x.js.
_DIRECTORY = re.compile(
    r"/(?:_app/immutable|_next/static/(?:chunks|css|media|immutable)|_nuxt(?!/builds/)|_astro)/"
)
# What bundlers put a hash into. Documents and data are left out: there eight characters after a
# dash are the number of an invoice.
_CODE = frozenset(("js", "mjs", "cjs", "css", "wasm"))
_BUNDLED = _CODE.union(
    ("woff", "woff2", "ttf", "otf", "eot", "webmanifest"),
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico"),
    ("mp4", "webm", "ogg", "mp3", "wav", "flac", "aac", "m4a"),
)
_KINDS = (".chunk", ".bundle", ".min")  # webpack configurations put these behind the hash

_DJANGO_LENGTH = frozenset((12,))
# Parcel, CRA 8; Next.js, Rspack, Angular 16; webpack, Gatsby 20; file-loader 32; SHA-1, SHA-256.
# Not 24: a MongoDB id names a thing, not its content.
_HEX_LENGTHS = frozenset((8, 10, 12, 16, 20, 32, 40, 64))
_BARE_LENGTH = frozenset((20,))  # webpack's name of an asset: nothing but the hash
_HEX = re.compile(r"[0-9a-f]+")
# "20240131" is one run, "c0012345" and "1234567b" are two: a date and two numbers of things. Of
# twelve digits behind a dot, Django's, hardly any other name consists.
_RUNS = re.compile(r"[0-9]+|[a-f]+")
_LEAST_RUNS = 3
_LEAST_RUNS_OF_DJANGO = 2
# An id as well: 8-4-4-4-12, or 32 digits of version 1, 4 or 7.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_DIGITS = re.compile(r"[0-9a-f]{12}[147][0-9a-f]{3}[89ab][0-9a-f]{15}")

# Vite, Rollup, Rolldown: 8 of base64url; esbuild, Angular: 8 of base32.
_BASE64 = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]*[-_]?[A-Za-z0-9]*")
_BASE32 = re.compile(r"[A-Z2-7]+")
_LENGTH = 8
# In real builds 87 of 100 hashes of Vite and Rollup have so many breaks, 81 of esbuild's; of 7033
# identifiers of eight letters in both cases 81 have; with 3 it would be 94, 94 and 366.
_BREAKS = 4
_DISTINCT = 4
# Each letter with those that follow it in more than one of 2000 pairs in English words or in
# identifiers of program texts.
_FOLLOWERS = (
    "abcdfghiklmnprstuvwxyz babeilorsu cacehiklorstuy dadegilorsu eabcdefgilmnopqrstuvwxy "
    "faefilortu gaeghilnorsu haeiorstuy iabcdefglmnoprstvxz jaeou kaeils ladeilostuy mabeimopsu "
    "nacdefgiklnostuv oabcdefgiklmnoprstuvwy paehiloprstuy qu rabcdefgiklmnoprstuvy "
    "sacehiklmnopstuwy tacefhilmoprstuy uabcdefgilmnprst vaeio waehinos xeipt yaeimnps zaei"
)
_PAIRS = frozenset(word[0] + follower for word in _FOLLOWERS.split() for follower in word[1:])


def is_hashed(url: str) -> bool:
    """Tell whether a URL path names one version of a file for good.

    Recognised, with ``HASH`` for what makes a hash by the rules above:

    - Django's ManifestStaticFilesStorage, for any extension or none: ``app.55e7cbb9ba48.css``
    - names of scripts, styles, their ``.map``, fonts, images, sound and film: ``name-HASH.ext``,
      ``name.HASH.ext``, ``name.HASH.chunk.js`` with 8 to 64 hexadecimal digits in the lengths that
      tools write (webpack, Rspack, Parcel, Create React App, Gatsby, Next.js, Vite 2) or 8
      characters of base64url or base32 (Vite, Rollup, Rolldown, esbuild, Angular);
      ``HASH.ext`` with webpack's 20 digits
    - all in ``_app/immutable/`` (SvelteKit), ``_next/static/chunks/`` and its like (Next.js),
      ``_nuxt/`` but for its ``builds/`` (Nuxt) and ``_astro/`` (Astro)

    Not recognised: hashes of other lengths (``[contenthash:6]``); 8 digits without a letter, or
    with all letters before or after all digits (9 in 100 of Parcel's); base64 and base32 that
    might be a word or an identifier (1 in 8 of Vite's, 1 in 5 of esbuild's); base36; capital
    hexadecimal; hashes before the name, behind ``_``, or in the query; names of nothing but a
    hash, save for those of 20 digits; UUIDs; documents and data but for Django's; what goes with
    a bundle under a name of its own (``x.js.LICENSE.txt``, ``x.js.gz``).

    Arguments:
        url: the URL path, as it is or percent-encoded.
    """
    name = url[url.rfind("/") + 1 :]
    if not name:
        return False
    return _is_djangos(name) or _is_bundlers(name) or _DIRECTORY.search(url) is not None


def _is_djangos(name: str) -> bool:
    before, _, last = name.rpartition(".")
    stem, _, middle = before.rpartition(".")
    return bool(
        (stem and _is_hex_hash(middle, _DJANGO_LENGTH, _LEAST_RUNS_OF_DJANGO))
        or (before and _is_hex_hash(last, _DJANGO_LENGTH, _LEAST_RUNS_OF_DJANGO))
    )


def _is_bundlers(name: str) -> bool:
    stem, _, extension = name.removesuffix(".map").rpartition(".")
    if extension not in (_CODE if name.endswith(".map") else _BUNDLED):
        return False
    for kind in _KINDS:
        stem = stem.removesuffix(kind)
    mark = max(stem.rfind("."), stem.rfind("-"))
    digits = stem[mark + 1 :]
    if _is_hex_hash(digits, _HEX_LENGTHS if mark > 0 else _BARE_LENGTH, _LEAST_RUNS):
        return not (_UUID.fullmatch(stem[-36:]) or _UUID_DIGITS.fullmatch(digits))
    # This one may have a dash in itself.
    before, text = stem[:-_LENGTH], stem[-_LENGTH:]
    return len(before) > 1 and before[-1] in ".-" and _is_text_hash(text)


def _is_hex_hash(text: str, lengths: frozenset[int], least_runs: int) -> bool:
    return (
        len(text) in lengths
        and _HEX.fullmatch(text) is not None
        and len(_RUNS.findall(text)) >= least_runs
    )


def _is_text_hash(text: str) -> bool:
    if not (_BASE64.fullmatch(text) or _BASE32.fullmatch(text)):
        return False
    return len(set(text)) >= _DISTINCT and _breaks(text) >= _BREAKS


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
