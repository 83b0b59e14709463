"""The apps that servers are given: the peers, and two that return the same bytes from a constant.

An app travels to its server by name (``served.py``): that of a peer, or ``wsgistatic:`` with
options, as in ``wsgistatic:block_size=65536,file_wrapper=False``.
"""

from __future__ import annotations

import os
from ast import literal_eval
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.peers import PREFIX, Peer, inner_app, installed_peers
from benchmarks.scenarios import request_environ
from benchmarks.tree import SMALL

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

APP_VARIABLE = "WSGISTATIC_BENCH_APP"
ROOT_VARIABLE = "WSGISTATIC_BENCH_ROOT"
CONSTANT = "constant"
CHOSEN = (
    *(CONSTANT, "constant-stat", "wsgistatic", "wsgistatic-ttl"),
    *("whitenoise", "werkzeug", "webob"),
)
_OPTIONS = "wsgistatic:"


def contenders() -> list[Peer]:
    """Give all that can be chosen, in the order of the tables."""
    constant = Peer(CONSTANT, "constant", "", partial(_constant, stat=False))
    with_stat = Peer("constant-stat", "constant + stat", "", partial(_constant, stat=True))
    return [constant, with_stat, *installed_peers()]


def variant(name: str, **options: object) -> Peer:
    """Give wsgistatic with other options than its own."""
    text = ",".join(f"{option}={value!r}" for option, value in options.items())
    return Peer(_OPTIONS + text, name, "", partial(_with_options, options=options))


def find(key: str) -> Peer:
    """Find a contender by its key."""
    if key.startswith(_OPTIONS):
        pairs = (pair.split("=") for pair in key[len(_OPTIONS) :].split(",") if pair)
        return variant(key, **{option: literal_eval(value) for option, value in pairs})
    return next(peer for peer in contenders() if peer.key == key)


def _with_options(directory: str, options: dict[str, Any]) -> Any:
    return import_module("wsgistatic").StaticFiles(inner_app, directory, PREFIX, **options)


def _constant(directory: str, stat: bool) -> WSGIApplication:
    """Ask wsgistatic once, and answer so for ever: the least that any app can cost there."""
    status, headers, body = _answer(directory)
    path = os.path.join(directory, SMALL)

    def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, headers.copy())
        return [body]

    def constant_and_stat(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        os.stat(path)
        start_response(status, headers.copy())
        return [body]

    return constant_and_stat if stat else constant


def _answer(directory: str) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started[:] = [status, headers]

    app = _with_options(directory, {})
    body = app(request_environ(PREFIX + SMALL, "GET"), start_response)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return started[0], started[1], content
