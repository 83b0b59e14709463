"""What a probe has at hand: a directory of its own, an app over it, and its answers.

Strategy: a probe is a function that does requests and returns, for yes; raises ``Unable`` with the
reason for no, ``Partly`` for what is done in part; or returns a text, which is the cell.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.features.contenders import Contender
from benchmarks.peers import INNER_MARK, Peer
from benchmarks.scenarios import Client, Reply, Unable, request_environ
from benchmarks.tree import Tree

TEXT = b"body { color: #123456 }\n" * 200
NAME = "css/app.css"
_AGE = 86_400  # seconds: no peer takes such a file for one that is still being written


class Partly(Unable):
    """What of a feature a peer does, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A row of the table.

    Attributes:
        is_measured: its cells differ from run to run.
    """

    key: str
    title: str
    probe: Callable[[Bench], str | None]
    is_measured: bool = False


class Bench:
    """A directory and an app.

    Arguments:
        contender: whose app.
        root: an empty directory.
    """

    def __init__(self, contender: Contender, root: str) -> None:
        self.contender = contender
        self.root = Path(root, "root")
        self.root.mkdir()
        self.app: Any = None

    def write(self, name: str, content: bytes = TEXT, age: float = _AGE) -> Path:
        """Write a file that was modified so many seconds ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        modified = time.time_ns() - int(age * 1e9)
        os.utime(path, ns=(modified, modified))
        return path

    def build(self, setup: str = "", *above: Path) -> None:
        """Make the app, over its directory or over these and it.

        Arguments:
            setup: what is wanted, or "".
            above: directories that are asked first.
        """
        directories = [str(path) for path in (*above, self.root)]
        options = self.contender.setups.get(setup, {})
        self.app = self.contender.build(directories, options)

    def environ(self, name: str, method: str = "GET", **fields: str) -> dict[str, Any]:
        """Make the environ of a request that wants no coding, unless a field says so."""
        asked = {"HTTP_ACCEPT_ENCODING": "identity", **fields}
        return request_environ(self.contender.prefix + name, method, **asked)

    def ask(self, name: str = NAME, method: str = "GET", **fields: str) -> Reply:
        """Send a request for a path below the prefix; fields by their environ keys."""
        peer = Peer("", "", "", lambda directory: self.app, self.contender.prefix)
        return Client(peer, self.app, Tree(str(self.root), {})).ask(
            self.environ(name, method, **fields)
        )

    def serve(self, name: str = NAME, content: bytes = TEXT, **fields: str) -> Reply:
        """Ask for a file that must come whole."""
        reply = self.ask(name, **fields)
        need(status_of(reply) == 200, f"status {status_of(reply)}")
        need(reply.body == content, "other bytes than the file's")
        length = reply.headers.get("content-length")
        need(length == str(len(content)), f"Content-Length {length} of {len(content)} bytes")
        return reply

    def settle(self) -> None:
        """Wait until what was just written cannot change within the same tick of the clock."""
        time.sleep(0.05)

    def start(self, setup: str = "", content: bytes = TEXT) -> Reply:
        """Write the usual file, make the app, and ask for it."""
        self.write(NAME, content)
        self.build(setup)
        return self.serve(content=content)


def status_of(reply: Reply) -> int:
    """Give the status code."""
    return int(reply.status[:3])


def is_missed(reply: Reply) -> bool:
    """Tell whether nothing of the directory was served."""
    return status_of(reply) in (400, 403, 404)


def is_inner(reply: Reply) -> bool:
    """Tell whether the wrapped app answered."""
    return reply.headers.get(INNER_MARK[0].lower()) == INNER_MARK[1]


def need(right: object, reason: str) -> None:
    """Raise Unable unless something is right."""
    if not right:
        raise Unable(reason)


def need_all(checks: dict[str, object]) -> None:
    """Raise Unable where none of these is right, Partly where some are."""
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        verdict = Unable if len(wrong) == len(checks) else Partly
        raise verdict(f"not {', '.join(wrong)}")
