"""The table of options: its errors, and its agreement with signatures and types."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEFAULTS
from wsgistatic import FileApp, StaticFiles
from wsgistatic.wsgi.options import (
    ARGUMENTS,
    FILE_OPTIONS,
    OPTIONS,
    DirectoryOptions,
    FileOptionKwargs,
    FileOptions,
    Option,
    size_from_text,
    size_to_text,
)

SHARED: list[Any] = [
    ({"cache_control": 5.0}, TypeError, "cache_control must be a str, a number .* or None, not 5"),
    ({"cache_control": True}, TypeError, "cache_control must be a str, a number .*, not True"),
    ({"cache_control": -1}, ValueError, "cache_control must be at least 0, not -1"),
    ({"cache_control": "3600"}, ValueError, "cache_control must be .* not '3600': 3600 is not a"),
    ({"headers": {"cache-control": "max_age=1"}}, ValueError, "headers.'cache-control'. must be"),
    ({"cache_control": "a\nb"}, ValueError, r"cache_control must be .* not 'a\\nb'"),
    ({"immutable": 5}, TypeError, "immutable must be 'hashed', .* not 5"),
    (
        {"immutable": len},
        TypeError,
        r"immutable must be callable with \(path, url\), not <built-in",
    ),
    ({"immutable": lambda url: True}, TypeError, "immutable must be callable with .*too many"),
    (
        {"cache_control": lambda: ""},
        TypeError,
        r"cache_control must be callable with \(path, url\)",
    ),
    ({"headers": lambda a, b: 0}, TypeError, r"headers must be callable with \(headers, path, url"),
    (
        {"allow_origin": 5},
        TypeError,
        "allow_origin must be a str, a list of origins or None, not 5",
    ),
    ({"allow_origin": []}, ValueError, r"allow_origin must list origins such as .* not \[\]"),
    ({"allow_origin": ["*"]}, ValueError, r"allow_origin must list origins such as .* not \['\*'"),
    ({"allow_origin": ["https://a/"]}, ValueError, "allow_origin must list origins .* not"),
    (
        {"allow_origin": ["https://A"]},
        ValueError,
        "allow_origin must list origins .* in lower case",
    ),
    ({"allow_origin": ["a.example"]}, ValueError, "allow_origin must list origins such as"),
    ({"allow_origin": [5]}, ValueError, r"allow_origin must list origins such as .* not \[5\]"),
    ({"allow_origin": "a\nb"}, ValueError, r"allow_origin must be .* not 'a\\nb'"),
    ({"nosniff": "yes"}, TypeError, "nosniff must be True or False, not 'yes'"),
    ({"media_types": ["x"]}, TypeError, r"media_types must map .* not be \['x'\]"),
    ({"media_types": {"": "a/b"}}, ValueError, "media_types has the key ''"),
    ({"media_types": {"mp4": "video/mp4"}}, ValueError, "key 'mp4', .* its dot; write '.mp4'"),
    ({"media_types": {"TAR.GZ": "a/b"}}, ValueError, "key 'TAR.GZ', .* its dot; write '.TAR.GZ'"),
    ({"media_types": {".x": "text"}}, ValueError, "media_types has the value 'text' for '.x'"),
    ({"charset": "utf 8"}, ValueError, "charset must be .* not 'utf 8'"),
    ({"charset": 8}, ValueError, "charset must be .* not 8"),
    ({"etag": "md5"}, ValueError, "etag must be one of 'stat', 'content', None, not 'md5'"),
    ({"etag": 0}, ValueError, "etag must be one of .* not 0"),
    ({"block_size": 0}, ValueError, "block_size must be at least 1, not 0"),
    ({"block_size": "64k"}, TypeError, "block_size must be an integer of at least 1, not '64k'"),
    ({"block_size": True}, TypeError, "block_size must be an integer .* not True"),
    ({"max_ranges": -1}, ValueError, "max_ranges must be at least 0, not -1"),
    ({"file_wrapper": 1}, TypeError, "file_wrapper must be True, False or None, not 1"),
    ({"encodings": "gzip"}, TypeError, "encodings must be a sequence of 'zstd', .* not 'gzip'"),
    ({"encodings": ["deflate"]}, ValueError, r"encodings must be .* not \['deflate'\]"),
    ({"encodings": ["br", "br"]}, ValueError, r"encodings must be .* each at most once, not"),
    ({"encodings": [[]]}, ValueError, r"encodings must be .* not \[\[\]\]"),
    ({"headers": 5}, TypeError, "headers must be a mapping .* not 5"),
    ({"headers": {5: "x"}}, TypeError, "headers must have field names of type str, not 5"),
    ({"headers": {"A:": "x"}}, ValueError, "headers must have field names that are tokens, not"),
    ({"headers": {"A": 5}}, TypeError, r"headers\['A'\] must be a str, not 5"),
    ({"headers": {"A": "x\r\nB: y"}}, ValueError, r"headers\['A'\] must be a header value"),
    ({"headers": {"A": "\u20ac"}}, ValueError, r"headers\['A'\] must be a header value .*Latin-1"),
    ({"headers": {"etag": "x"}}, ValueError, "headers must not set etag"),
    ({"headers": {"Location": "x"}}, ValueError, "headers must not set Location"),
    ({"headers": {"Connection": "x"}}, ValueError, "headers must not set Connection"),
    ({"no_such_option": 1}, TypeError, "no_such_option"),
]
STATIC_ONLY: list[Any] = [
    ({"prefix": 5}, TypeError, "prefix must be a str .* not 5"),
    ({"prefix": "https://cdn.example/static/"}, ValueError, "prefix must be a URL path"),
    ({"strict_urls": "yes"}, TypeError, "strict_urls must be True or False, not 'yes'"),
    ({"index": 5}, TypeError, "index must be a file name or None, not 5"),
    ({"index": "a/b.html"}, ValueError, "index must be a file name .* not 'a/b.html'"),
    ({"index": ".."}, ValueError, "index must be a file name .* not '..'"),
    pytest.param(
        {"index": "\ud800"},
        ValueError,
        "index must be encodable in the file system encoding .utf-8., not",
        marks=pytest.mark.byte_names,
    ),
    pytest.param(
        {"fallback": "a/\udfff"},
        ValueError,
        "fallback must be encodable in the file",
        marks=pytest.mark.byte_names,
    ),
    pytest.param(
        {"not_found": "\ud800.html"},
        ValueError,
        "not_found must be encodable in .* not",
        marks=pytest.mark.byte_names,
    ),
    ({"symlinks": "never"}, ValueError, "symlinks must be one of 'inside', .* not 'never'"),
    *(
        (
            {"dotfiles": value},
            TypeError,
            "dotfiles must be True, False or a sequence of names and "
            + re.escape(f"patterns such as '.zarray' or '.z*', not {value!r}"),
        )
        for value in (1, None, ".zarray", [".zarray", 1], {".zarray": True})
    ),
    *(
        (
            {"dotfiles": [".zarray", name]},
            ValueError,
            "dotfiles must have names and patterns that "
            "begin with a dot and another character than .*, such as '.zarray' or '.z.*', not "
            + re.escape(f"{name!r}; True serves all names"),
        )
        for name in ("*", ".*", ".?nv", ".[a-z]*", "[.]env", "zarray", "", ".", "..", ".a/b")
    ),
    ({"listing": "yes"}, TypeError, "listing must be True or False, not 'yes'"),
    ({"clean_urls": None}, TypeError, "clean_urls must be True or False, not None"),
    ({"fallback": 5}, TypeError, "fallback must be a path below .* or None, not 5"),
    ({"fallback": "/index.html"}, ValueError, "fallback must be a path .* not '/index.html'"),
    ({"not_found": "../404.html"}, ValueError, "not_found must be a path .* not '../404.html'"),
    ({"not_found": ""}, ValueError, "not_found must be a path below .* not ''"),
    ({"not_found": "a\0b"}, ValueError, "not_found must be a path below"),
    ({"stat_ttl": "1"}, TypeError, "stat_ttl must be a number of seconds, not '1'"),
    ({"stat_ttl": -1}, ValueError, "stat_ttl must be at least 0 and finite, not -1"),
    ({"stat_ttl": float("nan")}, ValueError, "stat_ttl must be at least 0 and finite, not nan"),
    ({"cache_size": -1}, ValueError, "cache_size must be at least 0, not -1"),
    ({"cache_file_size": 1.5}, TypeError, "cache_file_size must be an integer .* not 1.5"),
    ({"no_store_misses": 1}, TypeError, "no_store_misses must be True or False, not 1"),
    ({"compress": 1}, TypeError, "compress must be True or False, not 1"),
    ({"compress": True, "cache_size": 0}, ValueError, "compress must be False if cache_size is 0"),
    ({"offload": "X-Sendfile"}, TypeError, "offload must be a pair .* not 'X-Sendfile'"),
    ({"offload": ("X-Sendfile", 1)}, TypeError, r"offload must be .* not \('X-Sendfile', 1\)"),
    ({"offload": ("X-Sendfile",)}, ValueError, r"offload must be .* not \('X-Sendfile',\)"),
    ({"offload": ("X-Other", "/a")}, ValueError, r"offload must be .* not \('X-Other', '/a'\)"),
    ({"offload": ("X-Sendfile", "a")}, ValueError, r"offload must be .* not \('X-Sendfile', 'a'"),
    ({"offload": ("X-Sendfile", "/\n")}, ValueError, r"offload must be .* not \('X-Sendfile', "),
    ({"offload_headers": "Link"}, TypeError, "offload_headers must be a seq.* not 'Link'"),
    ({"offload_headers": 1}, TypeError, "offload_headers must be a sequence of names .* not 1"),
    ({"offload_headers": [1]}, ValueError, r"offload_headers must be a seq.* not \[1\]"),
    ({"offload_headers": ["a:"]}, ValueError, r"offload_headers must be a seq.* not \['a:'\]"),
    ({"on_answer": "print"}, TypeError, "on_answer must be a callable or None, not 'print'"),
    ({"check_dir": "no"}, TypeError, "check_dir must be True or False, not 'no'"),
]


@pytest.mark.parametrize(("options", "error", "message"), SHARED + STATIC_ONLY)
def test_a_wrong_option_of_static_files_is_an_error(
    site: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        StaticFiles(None, site, **options)


@pytest.mark.parametrize(("options", "error", "message"), SHARED)
def test_a_wrong_option_of_file_app_is_an_error(
    site: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FileApp(site / "hello.txt", **options)


@pytest.mark.parametrize(
    ("path", "error"), [(5, TypeError), (b"x", TypeError), ("", ValueError), ("a\0b", ValueError)]
)
def test_directory_must_be_a_path(path: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="directory must be a path"):
        StaticFiles(None, path)


@pytest.mark.byte_names
def test_paths_that_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="directory must be encodable in the file system"):
        StaticFiles(None, "\ud800", check_dir=False)
    with pytest.raises(ValueError, match="source must be encodable in the file system"):
        FileApp("\ud800")


@pytest.mark.parametrize(
    ("path", "error"), [(5, TypeError), ("", ValueError), ("a\0b", ValueError)]
)
def test_source_must_be_a_path_if_it_is_a_string(path: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="source must be a path"):
        FileApp(path)


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"/tmp"


def test_a_path_object_must_be_of_type_str() -> None:
    with pytest.raises(TypeError, match="directory must be a path of type str"):
        StaticFiles(None, BytesPath())  # type: ignore[arg-type]


def test_directory_must_exist(site: Path) -> None:
    with pytest.raises(ValueError, match=r"directory must be an existing .*nowhere"):
        StaticFiles(None, site / "nowhere")
    with pytest.raises(ValueError, match=r"directory must be an existing .*hello\.txt"):
        StaticFiles(None, site / "hello.txt")
    StaticFiles(None, site / "nowhere", check_dir=False)


def test_type_checkers_know_the_options_of_files() -> None:
    annotations: dict[str, Any] = FileOptionKwargs.__annotations__
    values = {name: value.__forward_arg__ for name, value in annotations.items()}
    assert values == {field.name: field.type for field in fields(FileOptions)}


def test_the_signature_of_static_files_matches_the_table() -> None:
    parameters = inspect.signature(StaticFiles).parameters.values()
    keywords = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert keywords.keys() == OPTIONS.keys()
    assert keywords | DEFAULTS == {name: option.default for name, option in OPTIONS.items()}
    prefix = inspect.signature(StaticFiles).parameters["prefix"]
    assert prefix.default == ARGUMENTS["prefix"].default


def test_the_signature_of_static_files_has_the_types_of_the_options() -> None:
    types: dict[str, Any] = {field.name: field.type for field in fields(DirectoryOptions)}
    types["on_answer"] = "OnAnswer | None"  # its argument is defined above the options
    annotations = StaticFiles.__init__.__annotations__
    assert {name: annotations[name] for name in OPTIONS} == types


def test_the_docstring_of_static_files_describes_every_option() -> None:
    described = re.findall(r"^    (\w+): ", inspect.getdoc(StaticFiles) or "", re.M)
    assert sorted(described) == sorted({"app", *ARGUMENTS, *OPTIONS})


@pytest.mark.parametrize("name", OPTIONS)
def test_every_default_is_allowed(name: str) -> None:
    OPTIONS[name].check(name, OPTIONS[name].default)


@pytest.mark.parametrize("option", [*ARGUMENTS.values(), *OPTIONS.values()])
def test_every_option_has_help_in_sentences(option: Option) -> None:
    assert re.fullmatch(r"[A-Z].*\.", option.help)
    assert option.section


def test_options_of_files_are_options_of_static_files() -> None:
    assert OPTIONS.keys() > FILE_OPTIONS.keys()
    assert all(OPTIONS[name] == option for name, option in FILE_OPTIONS.items())


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1000, "1000"),
        (1024, "1 KiB"),
        (1536, "1536"),
        (128 * 1024, "128 KiB"),
        (32 * 1024**2, "32 MiB"),
        (3 * 1024**3, "3 GiB"),
    ],
)
def test_sizes_as_text(size: int, text: str) -> None:
    assert size_to_text(size) == text
    assert size_from_text("cache_size", text) == size


def test_the_options_that_are_sizes() -> None:
    sizes = {name for name, option in OPTIONS.items() if option.is_size}
    assert sizes == {"block_size", "cache_size", "cache_file_size"}


def test_not_found_is_for_a_complete_app(site: Path) -> None:
    with pytest.raises(ValueError, match="not_found must be None if there is an app, not '4'"):
        StaticFiles(lambda environ, start_response: [], site, not_found="4")


def test_app_must_be_callable(site: Path) -> None:
    with pytest.raises(TypeError, match="app must be a WSGI app or None, not 'app'"):
        StaticFiles("app", site)  # type: ignore[arg-type]


async def asgi_function(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


class ASGIApp:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError


@pytest.mark.parametrize("app", [asgi_function, ASGIApp()])
def test_asgi_apps_are_rejected(site: Path, app: Any) -> None:
    with pytest.raises(TypeError, match="app must be a WSGI app or None, not the ASGI app <"):
        StaticFiles(app, site)


@pytest.mark.parametrize(("app", "its_own"), [(StaticFiles, "stat_ttl"), (FileApp, "validators")])
def test_the_error_about_an_unknown_option_lists_those_allowed(
    site: Path, app: Any, its_own: str
) -> None:
    source = (site / "hello.txt",) if app is FileApp else (None, site)
    with pytest.raises(TypeError) as raised:
        app(*source, max_age=60)
    message, known = str(raised.value).split("; options are ")
    assert message.startswith("unknown option 'max_age'")
    assert {"cache_control", "etag", its_own} <= set(known.split(", "))
    assert "self" not in known


@pytest.mark.parametrize("app", [StaticFiles, FileApp])
@pytest.mark.parametrize(
    ("mistyped", "meant"), [("cache_controll", "cache_control"), ("mediatypes", "media_types")]
)
def test_the_error_about_a_mistyped_option_suggests_the_closest(
    site: Path, app: Any, mistyped: str, meant: str
) -> None:
    source = (site / "hello.txt",) if app is FileApp else (None, site)
    with pytest.raises(
        TypeError, match=rf"unknown option '{mistyped}' \(did you mean '{meant}'\?\); options are"
    ):
        app(*source, **{mistyped: None})


def test_no_option_is_suggested_for_a_name_like_none_of_them(site: Path) -> None:
    with pytest.raises(TypeError, match="unknown option 'zzz'; options are"):
        FileApp(site / "hello.txt", zzz=1)  # type: ignore[call-arg]


def test_a_built_in_function_may_hide_its_parameters(site: Path) -> None:
    with pytest.raises(ValueError, match="signature"):
        signature(max)
    StaticFiles(None, site, cache_control=max)
