"""The options that commands share: those of ``StaticFiles``, by the same names."""

from __future__ import annotations

import argparse
from typing import Any

from wsgistatic.files.body import DEFAULT_BLOCK_SIZE
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.ranges import DEFAULT_MAX_RANGES
from wsgistatic.wsgi.options import DEFAULT_CACHE_FILE_SIZE, DEFAULT_CACHE_SIZE


def add_serving_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--prefix`` and all that follows from it; the namespace has the keyword arguments."""
    add = parser.add_argument
    add("--prefix", default="/", help="URL path of the folder")
    add("--index", type=_text_or_none, default="index.html", help="file for a directory, or none")
    add("--cache-control", type=_text_or_none, default="no-cache", help="its value, or none")
    add(
        "--immutable",
        type=_text_or_none,
        default=None,
        metavar="RULE",
        help="what never changes: hashed, or a regular expression on URL paths",
    )
    add(
        "--allow-origin",
        type=_text_or_none,
        default=None,
        metavar="ORIGIN",
        help="Access-Control-Allow-Origin",
    )
    add("--nosniff", action=argparse.BooleanOptionalAction, default=True, help="nosniff header")
    add(
        "--media-types",
        action=_Pairs,
        default={},
        metavar="NAME=TYPE",
        help="media type of an extension or a file name; may be repeated",
    )
    add("--charset", type=_text_or_none, default="utf-8", help="charset of text types, or none")
    add("--etag", type=_text_or_none, default="stat", help="stat, content or none")
    add("--symlinks", choices=("inside", "follow", "deny"), default="inside", help="policy")
    add("--dotfiles", action=argparse.BooleanOptionalAction, default=False, help="serve dotfiles")
    add(
        "--listing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show what is in a folder without an index",
    )
    add("--fallback", type=_text_or_none, metavar="FILE", help="sent to navigations that miss")
    add("--not-found", type=_text_or_none, metavar="FILE", help="sent with status 404")
    add(
        "--clean-urls",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="/page is page.html",
    )
    add("--stat-ttl", type=float, default=0.0, help="seconds for which a stat is trusted")
    add("--cache-size", type=int, default=DEFAULT_CACHE_SIZE, help="bytes of memory; 0 for none")
    add(
        "--cache-file-size",
        type=int,
        default=DEFAULT_CACHE_FILE_SIZE,
        help="bytes of the largest file kept in memory",
    )
    add("--block-size", type=int, default=DEFAULT_BLOCK_SIZE, help="bytes read at a time")
    add("--max-ranges", type=int, default=DEFAULT_MAX_RANGES, help="more ranges are ignored")
    add(
        "--file-wrapper",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the server's wsgi.file_wrapper",
    )
    add(
        "--compress",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="compress text in memory",
    )
    add(
        "--offload",
        type=_pair_or_none,
        default=None,
        metavar="HEADER:PATH",
        help="let the front server send the files",
    )
    add(
        "--headers",
        action=_Pairs,
        default={},
        metavar="NAME=VALUE",
        help="a header field for all answers; may be repeated",
    )
    add(
        "--encodings",
        type=_names,
        default=PREFERENCE,
        metavar="CODING,...",
        help="content codings whose sidecars are looked for, or none",
    )


def _pair_or_none(text: str) -> tuple[str, ...] | None:
    return None if text.lower() == "none" else tuple(text.split(":", 1))


def _names(text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else tuple(text.split(","))


class _Pairs(argparse.Action):
    """Collects NAME=VALUE pairs in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name, equals, value = values.partition("=")
        if not equals:
            parser.error(f"{option_string} takes {self.metavar}, not {values!r}")
        known = getattr(namespace, self.dest)
        setattr(namespace, self.dest, {**known, name: value})


def _text_or_none(text: str) -> str | None:
    return None if text.lower() == "none" else text
