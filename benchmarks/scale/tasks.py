"""The actions whose cost is measured: each function prepares one and returns it."""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.apart import Action, allow_open_files
from benchmarks.peers import Peer
from benchmarks.scale.files import file_names, read_ahead
from benchmarks.scenarios import Unable, request_environ
from benchmarks.tree import MIB

_TAKEN = MIB  # bytes read of each of many responses


def start(peer: Peer, root: str) -> Action:
    """Build the app over a directory."""
    with tempfile.TemporaryDirectory() as empty:
        peer.build(empty)  # imports what it needs
    return lambda: peer.build(root)


def responses(peer: Peer, root: str, name: str, count: int) -> Action:
    """Begin to read so many responses, and keep them all."""
    allow_open_files(count + 100)
    app = peer.build(root)
    path = peer.prefix + name
    _status(app, path)

    def act() -> object:
        held = []
        for _ in range(count):
            body = _ask(app, path)[1]
            blocks, taken = iter(body), 0
            while taken < _TAKEN:
                taken += len(next(blocks))
            held.append((body, blocks))
        return held

    return act


def files(peer: Peer, root: str, count: int) -> Action:
    """Ask for so many files, each once."""
    app = peer.build(root)
    _status(app, peer.prefix + next(file_names(1)))

    def act() -> object:
        for name in file_names(count):
            _expect(app, peer.prefix + name, "200")
        return app

    return act


def misses(peer: Peer, root: str, count: int) -> Action:
    """Ask for so many files that are not there, each once."""
    app = peer.build(root)
    _status(app, peer.prefix + next(file_names(1)))

    def act() -> object:
        for number in range(count):
            _expect(app, f"{peer.prefix}0000/missing-{number}.css", "404")
        return app

    return act


def drain(peer: Peer, root: str, name: str, size: int) -> Action:
    """Read a whole response."""
    read_ahead(root, name)
    app = peer.build(root)

    def act() -> object:
        body = _ask(app, peer.prefix + name)[1]
        try:
            sent = sum(map(len, body))
        finally:
            _close(body)
        if sent != size:
            raise Unable(f"{sent} bytes of {size}")
        return app

    return act


def _ask(app: Any, path: str) -> tuple[str, Any]:
    started: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started[:] = [status]

    body = app(request_environ(path, "GET"), start_response)
    return started[0], body


def _status(app: Any, path: str) -> str:
    """Send one request, drained; give the status."""
    status, body = _ask(app, path)
    for _ in body:
        pass
    _close(body)
    return status[:3]


def _expect(app: Any, path: str, status: str) -> None:
    found = _status(app, path)
    if found != status:
        raise Unable(f"status {found} to {path}")


def _close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()
