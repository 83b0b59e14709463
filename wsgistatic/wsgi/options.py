"""The options of ``StaticFiles`` and ``FileApp``, in one table.

Each field of the two dataclasses states an option's default, check, conversion from text and help.
The constructors, PasteDeploy, the command line and the Django settings read them.
"""

# ruff: noqa: RUF009 - a call of _option returns a field, not one value for all instances

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from wsgistatic import validation
from wsgistatic.files.body import DEFAULT_BLOCK_SIZE
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.fields import TOKEN
from wsgistatic.http.media_types import MediaType, MediaTypes
from wsgistatic.http.paths import Dotfiles, parse_prefix
from wsgistatic.http.ranges import DEFAULT_MAX_RANGES
from wsgistatic.representations.headers import (
    AllowOrigin,
    CacheControl,
    CustomHeaders,
    HeaderPolicy,
)
from wsgistatic.representations.immutable import Immutable
from wsgistatic.representations.representation import EtagMode
from wsgistatic.wsgi.offload import Offload

if TYPE_CHECKING:
    from typing_extensions import Self

# Called with the name of an option and a value; raises TypeError or ValueError.
Check = Callable[[str, Any], object]
# Called with the name of an option and a text; returns the value or raises ValueError.
Converter = Callable[[str, str], Any]


class Option(NamedTuple):
    """One option: the name and the default of a keyword argument, and how it is written."""

    name: str
    default: Any
    section: str  # heading in the help of the command line
    check: Check
    from_text: Converter | None  # returns a value yet to be checked; None if text cannot express it
    metavar: str | None  # placeholder for a value in help; None for a switch
    help: str

    @property
    def is_size(self) -> bool:
        """Whether the value is a number of bytes."""
        return self.from_text is size_from_text


# Conversion from text. An .ini file and a command line write values in the same way.

_BOOLS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMG]iB|)")


def _text(option: str, text: str) -> str:
    return text


def _or_none(convert: Converter) -> Converter:
    return lambda option, text: None if text.lower() == "none" else convert(option, text)


def _one_of(words: Mapping[str, bool | None]) -> Converter:
    def convert(option: str, text: str) -> bool | None:
        if text.lower() not in words:
            raise ValueError(f"{option} must be one of {', '.join(words)}, not {text!r}")
        return words[text.lower()]

    return convert


def _integer(option: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"{option} must be a whole number such as 200, not {text!r}")
    return int(text)


def _number_or_text(option: str, text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text


def _seconds(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} must be a number of seconds, not {text!r}") from None


def size_from_text(option: str, text: str) -> int:
    """Return the bytes that ``65536`` or ``64 KiB`` stands for; raise ValueError for other text."""
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(
            f"{option} must be a number of bytes, KiB, MiB or GiB, such as 65536 or 64 KiB, "
            f"not {text!r}"
        )
    return int(size[1]) * _UNITS[size[2]]


def size_to_text(size: int) -> str:
    """Return a number of bytes in the largest unit that divides it, such as ``64 KiB``."""
    unit = next((unit for unit in reversed(_UNITS) if size and size % _UNITS[unit] == 0), "")
    return f"{size // _UNITS[unit]} {unit}".rstrip()


def _pairs(separators: str, example: str) -> Converter:
    """Return a converter of lines that each hold a name, a separator and a value."""
    line_pattern = re.compile(rf"([^{separators}]*)[{separators}](.*)")

    def convert(option: str, text: str) -> dict[str, str]:
        pairs = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            pair = line_pattern.fullmatch(line)
            if pair is None:
                raise ValueError(f"{option} must be written as {example}, not {line!r}")
            pairs[pair[1].strip()] = pair[2].strip()
        return pairs

    return _or_none(convert)


def _media_types(option: str, text: str) -> dict[str, MediaType] | None:
    """Convert lines such as ``.foo = text/plain`` or ``.js.gz = text/javascript gzip``."""
    pairs: dict[str, str] | None = _pairs("=", "NAME=TYPE, such as .foo=text/plain")(option, text)
    types: dict[str, MediaType] = {}
    for name, value in (pairs or {}).items():
        media_type, *coding = value.rsplit(None, 1)
        # A parameter may follow the type after a blank: text/plain; charset=ascii
        types[name] = (media_type, coding[0]) if coding and "=" not in coding[0] else value
    return None if pairs is None else types


def _words(option: str, text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else tuple(text.replace(",", " ").split())


def _one_or_more(option: str, text: str) -> str | tuple[str, ...]:
    words = _words(option, text)
    return words if len(words) > 1 else text


def _switch_or_words(option: str, text: str) -> bool | tuple[str, ...]:
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if not text.strip():
        raise ValueError(f"{option} must be one of {', '.join(_BOOLS)}, or names, not {text!r}")
    return _words(option, text)


def _header_and_path(option: str, text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[:\s]\s*", text, maxsplit=1))


# Checks. Options that shape header fields are checked by the code that makes these fields.


def _check_policy(option: str, value: Any) -> None:
    others = {"cache_control": None, "nosniff": True, "allow_origin": None}
    HeaderPolicy(**{**others, option: value})


def _unless_none(check: Check) -> Check:
    return lambda option, value: None if value is None else check(option, value)


def _at_least(least: int) -> Check:
    return lambda option, value: validation.check_integer(option, value, least)


def _choice_of(*allowed: object) -> Check:
    return lambda option, value: validation.check_choice(option, value, allowed)


def _check_callable_or_none(option: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{option} must be a callable or None, not {value!r}")


def _check_encodings(option: str, value: Any) -> None:
    allowed = "a sequence of " + ", ".join(map(repr, PREFERENCE))
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{option} must be {allowed}, not {value!r}")
    if any(coding not in PREFERENCE for coding in value) or len(set(value)) != len(value):
        raise ValueError(f"{option} must be {allowed}, each at most once, not {value!r}")


def _check_dotfiles(option: str, value: Any) -> None:
    if isinstance(value, bool):
        return
    allowed = "True, False or a sequence of names and patterns such as '.zarray' or '.z*'"
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_sequence or not all(isinstance(name, str) for name in value):
        raise TypeError(f"{option} must be {allowed}, not {value!r}")
    for name in value:
        # ".*" would also serve .env and .git, which nobody should do by accident.
        if not re.match(r"\.[^*?\[]", name) or name == ".." or "/" in name:
            raise ValueError(
                f"{option} must have names and patterns that begin with a dot and another character"
                f" than *, ? or [, such as '.zarray' or '.z*', not {name!r}; True serves all names"
            )


def _check_field_names(option: str, value: Any) -> None:
    allowed = "a sequence of names of header fields"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{option} must be {allowed}, not {value!r}")
    if not all(isinstance(name, str) and re.fullmatch(TOKEN, name) for name in value):
        raise ValueError(f"{option} must be {allowed}, not {value!r}")


FILES = "Files and URLs"
HEADERS = "Header fields"
COMPRESSION = "Compression"
PERFORMANCE = "Memory and speed"
EVENTS = "Events"

DEFAULT_CACHE_CONTROL = "max-age=60"
DEFAULT_CACHE_SIZE = 48 * 1024 * 1024  # bytes; 20,000 files of 1 KiB
DEFAULT_CACHE_FILE_SIZE = 1024 * 1024  # bytes

_check_offload = _unless_none(lambda _, value: Offload(value, ""))
_check_bool_or_none = _unless_none(partial(validation.check_bool, allowed="True, False or None"))
_SWITCH = (validation.check_bool, _one_of(_BOOLS), None)
_TEXT_OR_NONE = _or_none(_text)


def _option(row: tuple[Any, ...], help: str) -> Any:
    """Return a field of a dataclass; the row holds the default and what follows in ``Option``."""
    return field(default=row[0], metadata={"row": (*row, help)})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """The options that ``StaticFiles`` and ``FileApp`` share; ``from_kwargs`` checks them."""

    cache_control: CacheControl = _option(
        (DEFAULT_CACHE_CONTROL, HEADERS, _check_policy, _or_none(_number_or_text), "VALUE"),
        "Value of Cache-Control, which tells browsers and proxies how long they may reuse a file "
        "without asking again. A number means so many seconds. With None, the field is not sent.",
    )
    immutable: Immutable = _option(
        (None, HEADERS, _check_policy, _TEXT_OR_NONE, "RULE"),
        "Files that browsers may keep for a year without asking again, whatever Cache-Control is: "
        "hashed means those with a content hash in their name, as build tools write them, and a "
        "regular expression those whose URL path it is found in.",
    )
    allow_origin: AllowOrigin = _option(
        (None, HEADERS, _check_policy, _or_none(_one_or_more), "ORIGIN,..."),
        "Origins whose scripts may read the files, and the header fields that describe ranges: * "
        "for every origin, or one or more such as https://example.com.",
    )
    nosniff: bool = _option(
        (True, HEADERS, *_SWITCH),
        "Send X-Content-Type-Options: nosniff, so that browsers do not guess a media type.",
    )
    media_types: Mapping[str, MediaType] | None = _option(
        (None, HEADERS, lambda _, value: MediaTypes(value), _media_types, "NAME=TYPE"),
        "Media types by extension (.foo) or by whole file name. They take precedence over the "
        "built-in table. A content coding may follow the type, for files that are stored in it: "
        "'.js.gz=text/javascript gzip'.",
    )
    charset: str | None = _option(
        ("utf-8", HEADERS, lambda _, value: MediaTypes(None, value), _TEXT_OR_NONE, "NAME"),
        "Charset that is added to text types. With None, browsers have to guess it.",
    )
    etag: EtagMode = _option(
        ("stat", HEADERS, _choice_of("stat", "content", None), _TEXT_OR_NONE, "MODE"),
        "How ETags are made. stat uses the modification time and the size. content hashes the "
        "bytes, which reads each version of a file once, but gives the same ETag on every server. "
        "With None, no ETag is sent.",
    )
    block_size: int = _option(
        (DEFAULT_BLOCK_SIZE, PERFORMANCE, _at_least(1), size_from_text, "SIZE"),
        "Bytes that are read and sent at a time. Each response in progress holds one block in "
        "memory.",
    )
    max_ranges: int = _option(
        (DEFAULT_MAX_RANGES, PERFORMANCE, _at_least(0), _integer, "N"),
        "Largest number of ranges in a request. A request for more gets the whole file.",
    )
    file_wrapper: bool | None = _option(
        (None, PERFORMANCE, _check_bool_or_none, _one_of({**_BOOLS, "none": None}), None),
        "Send files with the server's wsgi.file_wrapper where that is known to be correct. It "
        "halves the processor time, but notices later that a file was truncated while it is sent. "
        "By default only waitress uses it, where it is 2 to 4 times as fast.",
    )
    encodings: Sequence[str] = _option(
        (PREFERENCE, COMPRESSION, _check_encodings, _words, "CODING,..."),
        "Compressed copies to look for beside a file: zstd (.zst), br (.br) and gzip (.gz), the "
        "preferred one first. Use none where others can add files: one upload could pose as the "
        "compressed copy of another.",
    )
    headers: CustomHeaders = _option(
        (None, HEADERS, _check_policy, _pairs(":=", "NAME: VALUE or NAME=VALUE"), "NAME=VALUE"),
        "Further header fields for all responses. They take precedence over other options.",
    )

    @classmethod
    def from_kwargs(cls, values: Mapping[str, object], others: Iterable[str] = ()) -> Self:
        """Check keyword arguments; ``others`` are the caller's arguments that are no options."""
        options = FILE_OPTIONS if cls is FileOptions else OPTIONS
        given: dict[str, Any] = dict(values)
        for name, value in given.items():
            if name not in options:
                raise TypeError(unknown_option(name, [*options, *others]))
            options[name].check(name, value)
        return cls(**given)

    def policy(self) -> HeaderPolicy:
        """Return the header policy that these options describe."""
        return HeaderPolicy(
            self.cache_control, self.nosniff, self.allow_origin, self.immutable, self.headers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOptions(FileOptions):
    """All options of ``StaticFiles``."""

    index: str | None = _option(
        ("index.html", FILES, _unless_none(validation.check_file_name), _TEXT_OR_NONE, "NAME"),
        "File that is served for a directory. With None, a directory is not found, unless it has a "
        "listing.",
    )
    symlinks: Symlinks = _option(
        ("inside", FILES, _choice_of("inside", "follow", "deny"), _text, "POLICY"),
        "How symbolic links are treated. inside follows links that stay inside the directory, "
        "follow follows all of them, and deny serves nothing behind a link.",
    )
    dotfiles: Dotfiles = _option(
        (False, FILES, _check_dotfiles, _switch_or_words, "NAME,..."),
        "Serve files and directories whose names begin with a dot, or only names and patterns such "
        "as .zarray or .z*. Otherwise .well-known is the only one.",
    )
    listing: bool = _option(
        (False, FILES, *_SWITCH),
        "Show what is in a directory without an index, as HTML or JSON. Anyone who can open such a "
        "page sees every name in the directory.",
    )
    strict_urls: bool = _option(
        (False, FILES, *_SWITCH),
        "Raise an error if a page names a file that does not exist (url, integrity, preload). "
        "Otherwise the page gets the plain URL, and the log a line.",
    )
    fallback: str | None = _option(
        (None, FILES, _unless_none(validation.check_inner_path), _TEXT_OR_NONE, "FILE"),
        "File below the directory that is served to page loads which match no file, for "
        "single-page apps. A wrapped app is called first, and only its 404 is replaced.",
    )
    not_found: str | None = _option(
        (None, FILES, _unless_none(validation.check_inner_path), _TEXT_OR_NONE, "FILE"),
        "File below the directory that is sent with status 404.",
    )
    clean_urls: bool = _option(
        (False, FILES, *_SWITCH), "Serve page.html at /page, and redirect /page.html to /page."
    )
    check_dir: bool = _option(
        (True, FILES, *_SWITCH),
        "Fail at start-up if the directory does not exist. Turn it off for a directory that is "
        "created later.",
    )
    stat_ttl: float = _option(
        (0.0, PERFORMANCE, validation.check_seconds, _seconds, "SECONDS"),
        "Seconds for which a file is not checked for changes again. With 0, every request checks "
        "its file; otherwise a response from memory takes a third of the time.",
    )
    cache_size: int = _option(
        (DEFAULT_CACHE_SIZE, PERFORMANCE, _at_least(0), size_from_text, "SIZE"),
        "Memory for header fields and small files. With 0, every request opens and reads its file.",
    )
    cache_file_size: int = _option(
        (DEFAULT_CACHE_FILE_SIZE, PERFORMANCE, _at_least(0), size_from_text, "SIZE"),
        "Size of the largest file that is kept in memory. Larger files are read for each request; "
        "those of more than 128 KiB are kept from the second one on.",
    )
    compress: bool = _option(
        (False, COMPRESSION, *_SWITCH),
        "Compress text, and formats such as WebAssembly, in memory when first requested. There is "
        "no build step, but it costs some milliseconds per version of a file. The response has a "
        "weak ETag and no ranges.",
    )
    dictionaries: bool = _option(
        (False, COMPRESSION, *_SWITCH),
        "Let browsers use a script or style sheet as the dictionary for its next version, and send "
        "them the deltas that wsgistatic compress --dictionaries-from writes.",
    )
    offload: tuple[str, str] | None = _option(
        (None, PERFORMANCE, _check_offload, _or_none(_header_and_path), "HEADER:PATH"),
        "Let the front server send the files. The value is its header field and the path by which "
        "it knows the directory, such as X-Accel-Redirect:/internal/ for nginx.",
    )
    offload_headers: Sequence[str] = _option(
        ((), PERFORMANCE, _check_field_names, _words, "NAME,..."),
        "Header fields that the front server is configured to pass on. A file with a field that it "
        "would drop is not left to it. It always passes on the fields that nearly every file has.",
    )
    no_store_misses: bool = _option(
        (False, HEADERS, *_SWITCH),
        "Send Cache-Control: no-store with the wrapped app's 404 and 410 responses below the "
        "prefix, so that no cache remembers a file as missing while a release is rolled out.",
    )
    on_answer: Callable[[Any], object] | None = _option(
        (None, EVENTS, _check_callable_or_none, None, None),
        "Function that is called with an AnswerEvent for each response, and for each request below "
        "the prefix that is passed to the wrapped app.",
    )

    def __post_init__(self) -> None:
        if self.compress and self.cache_size == 0:
            raise ValueError("compress must be False if cache_size is 0, not True")


class FileOptionKwargs(TypedDict, total=False):
    """The fields of ``FileOptions`` as keyword arguments, for type checkers."""

    cache_control: CacheControl
    immutable: Immutable
    allow_origin: AllowOrigin
    nosniff: bool
    media_types: Mapping[str, MediaType] | None
    charset: str | None
    etag: EtagMode
    block_size: int
    max_ranges: int
    file_wrapper: bool | None
    encodings: Sequence[str]
    headers: CustomHeaders


# The options of StaticFiles and of FileApp, by name.
OPTIONS = {one.name: Option(one.name, *one.metadata["row"]) for one in fields(DirectoryOptions)}
FILE_OPTIONS = {one.name: OPTIONS[one.name] for one in fields(FileOptions)}

# The arguments of StaticFiles that PasteDeploy and the command line write like options.
ARGUMENTS = {
    "directory": Option(
        "directory", None, FILES, validation.check_path, _text, "DIR", "Directory to serve."
    ),
    "prefix": Option(
        *("prefix", "/", FILES, lambda _, value: parse_prefix(value), _text, "PATH"),
        "URL path below which the files appear, not percent-encoded. Slashes at its ends do not "
        "matter.",
    ),
}


def unknown_option(name: str, allowed: Iterable[str]) -> str:
    """Return the message of the error about an option that does not exist."""
    known = sorted(allowed)
    close = validation.closest_name(name, known)
    suggestion = "" if close is None else f" (did you mean {close!r}?)"
    return f"unknown option {name!r}{suggestion}; options are {', '.join(known)}"
