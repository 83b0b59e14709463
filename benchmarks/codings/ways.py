"""The ways to send a text: as it is, compressed in memory, from a sidecar; timed in process."""

from __future__ import annotations

import os
import pydoc_data
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scenarios import request_environ
from wsgistatic import StaticFiles
from wsgistatic.compress import Compressor
from wsgistatic.http.codings import available_codings

_SETTLED = 0.03  # seconds; a file that is younger is not kept
_HITS = 2000


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send a file.

    Attributes:
        name: for the table.
        coding: what is accepted, and must be what is sent; None for the bytes as they are.
        stored: from a sidecar.
    """

    name: str
    coding: str | None
    stored: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way made of one file: bytes sent, and the cost of the first and of later requests.

    Attributes:
        size: bytes of the body.
        ahead: milliseconds to write the sidecar, before any request.
        first: milliseconds of the first request to a new instance.
        later: microseconds of each later one.
    """

    size: int
    ahead: float
    first: float
    later: float


def ways() -> list[Way]:
    """Give the ways that the installed libraries allow."""
    codings = [coding for coding in ("gzip", "br", "zstd") if coding in available_codings()]
    return [
        Way("as it is", None, False),
        *(Way(f"compress=True, {coding}", coding, False) for coding in codings),
        *(Way(f"sidecar, {coding}", coding, True) for coding in codings),
    ]


def texts() -> dict[str, bytes]:
    """Give texts of some sizes that every Python has: modules of its library."""
    library = Path(os.__file__).parent
    return {
        f"{name} ({len(content) // 1024} KiB)": content
        for name, path in (
            ("stat.py", library / "stat.py"),
            ("argparse.py", library / "argparse.py"),
            ("topics.py", Path(next(iter(pydoc_data.__path__))) / "topics.py"),
        )
        for content in [path.read_bytes()]
    }


def measure(way: Way, content: bytes, rounds: int) -> Outcome:
    """Time one way with one text: medians of rounds, each with a new instance."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_bytes(content)
        time.sleep(_SETTLED)
        ahead = _store(way, path) if way.stored and way.coding else 0.0
        time.sleep(_SETTLED)
        environ = request_environ("/text.txt", "GET")
        environ["HTTP_ACCEPT_ENCODING"] = way.coding or "identity"
        firsts, laters, size = [], [], 0
        for _ in range(rounds):
            app = StaticFiles(
                None,
                folder,
                compress=way.coding is not None and not way.stored,
                cache_file_size=1024 * 1024,
            )
            seconds, (size, coding) = _timed(partial(_ask, app, environ))
            if coding != way.coding:
                raise RuntimeError(f"{way.name} sent {coding or 'no coding'}")
            firsts.append(seconds)
            laters.append(_timed(partial(_drain, app, environ))[0] / _HITS)
        return Outcome(size, ahead * 1e3, _median(firsts) * 1e3, _median(laters) * 1e6)


def _store(way: Way, path: Path) -> float:
    compressor = Compressor(codings=[way.coding or ""], min_saving=0)
    return _timed(lambda: compressor.compress_file(path))[0]


def _ask(app: Any, environ: dict[str, Any]) -> tuple[int, str | None]:
    fields: dict[str, str] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        fields.update(headers)

    body: Iterable[bytes] = app(environ, start_response)
    return sum(map(len, body)), fields.get("Content-Encoding")


def _drain(app: Any, environ: dict[str, Any]) -> None:
    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        pass

    for _ in range(_HITS):
        for _ in app(environ, start_response):
            pass


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    outcome = function()
    return time.process_time() - start, outcome


def _median(values: list[float]) -> float:
    return statistics.median(values)
