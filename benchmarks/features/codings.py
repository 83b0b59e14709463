"""Probes: content codings (RFC 9110 8.4, 12.5.3)."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.features.bench import (
    NAME,
    TEXT,
    Bench,
    Feature,
    Partly,
    need,
    need_all,
    status_of,
)
from benchmarks.scenarios import Reply

_ZIPPED = gzip.compress(TEXT)
# Nobody decodes them here: so many bytes are as good as any.
_STORED = {"gzip": _ZIPPED, "br": _ZIPPED[:-20], "zstd": _ZIPPED[:-10]}


def _store(bench: Bench, *codings: str) -> None:
    bench.write(NAME)
    suffixes = {"gzip": ".gz", "br": ".br", "zstd": bench.contender.zstd}
    for coding in codings:
        bench.write(NAME + suffixes[coding], _STORED[coding], age=3600)
    bench.build()


def _is_coded(reply: Reply, coding: str) -> bool:
    return (
        status_of(reply) == 200
        and reply.headers.get("content-encoding") == coding
        and reply.body == _STORED[coding]
    )


def _stored(coding: str) -> Callable[[Bench], None]:
    def probe(bench: Bench) -> None:
        _store(bench, coding)
        reply = bench.ask(HTTP_ACCEPT_ENCODING=coding)
        need(_is_coded(reply, coding), "sends the file without it")
        need("accept-encoding" in reply.headers.get("vary", "").lower(), "no Vary")
        need(reply.headers.get("content-type", "").startswith("text/css"), "wrong Content-Type")
        bench.serve()

    return probe


def _qualities(bench: Bench) -> None:
    _store(bench, "gzip", "br")
    ask = partial(bench.ask, NAME)
    need(_is_coded(ask(HTTP_ACCEPT_ENCODING="gzip"), "gzip"), "has no codings")
    need_all(
        {
            "gzip;q=0": ask(HTTP_ACCEPT_ENCODING="gzip;q=0").body == TEXT,
            "br;q=0, gzip": _is_coded(ask(HTTP_ACCEPT_ENCODING="br;q=0, gzip"), "gzip"),
            "br;q=0.1, gzip": _is_coded(ask(HTTP_ACCEPT_ENCODING="br;q=0.1, gzip"), "gzip"),
            "*": ask(HTTP_ACCEPT_ENCODING="*").body != TEXT,
        }
    )


def _own_etag(bench: Bench) -> None:
    _store(bench, "gzip")
    tags = [bench.ask(HTTP_ACCEPT_ENCODING=one).headers.get("etag") for one in ("gzip", "identity")]
    need(bench.ask(HTTP_ACCEPT_ENCODING="gzip").headers.get("content-encoding"), "has no codings")
    need(all(tags), "sends no ETag")
    need(tags[0] != tags[1], "the same ETag for both")


def _vary(bench: Bench) -> None:
    _store(bench, "gzip")
    whole = bench.ask(HTTP_ACCEPT_ENCODING="gzip")
    need(whole.headers.get("content-encoding"), "has no codings")
    fields = {"HTTP_IF_NONE_MATCH": whole.headers.get("etag", "*"), "HTTP_ACCEPT_ENCODING": "gzip"}
    reply = bench.ask(**fields)
    need(status_of(reply) == 304, f"status {status_of(reply)}")
    need("accept-encoding" in reply.headers.get("vary", "").lower(), "304 without Vary")


def _ranges(bench: Bench) -> None:
    _store(bench, "gzip")
    reply = bench.ask(HTTP_ACCEPT_ENCODING="gzip", HTTP_RANGE="bytes=10-19")
    coded = reply.headers.get("content-encoding") == "gzip"
    need(bench.ask(HTTP_ACCEPT_ENCODING="gzip").headers.get("content-encoding"), "has no codings")
    need(status_of(reply) == 206, f"status {status_of(reply)}")
    need(reply.body == (_ZIPPED if coded else TEXT)[10:20], "bytes of another coding")
    if not coded:
        raise Partly("of the file's own bytes")


def _stale(bench: Bench) -> None:
    _store(bench, "gzip")
    need(_is_coded(bench.ask(HTTP_ACCEPT_ENCODING="gzip"), "gzip"), "has no codings")
    bench.write(NAME, TEXT * 2, age=60)
    bench.build()
    reply = bench.ask(HTTP_ACCEPT_ENCODING="gzip")
    need(reply.body == TEXT * 2, "sends the old version to those who accept gzip")


def _in_memory(bench: Bench) -> None:
    bench.start("compress")
    bench.settle()
    reply = bench.ask(HTTP_ACCEPT_ENCODING="gzip")
    need(reply.headers.get("content-encoding") == "gzip", "sends the file as it is")
    need(gzip.decompress(reply.body) == TEXT, "other bytes than the file's")


def _command(bench: Bench) -> None:
    need(bench.contender.compress, "has none")
    bench.write(NAME)
    subprocess.run(
        [sys.executable, *bench.contender.compress, str(bench.root)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    zipped = bench.root / f"{NAME}.gz"
    need(zipped.exists() and gzip.decompress(zipped.read_bytes()) == TEXT, "writes no .gz")


FEATURES = (
    Feature("gzip", "stored gzip, with Vary", _stored("gzip")),
    Feature("br", "stored Brotli", _stored("br")),
    Feature("zstd", "stored Zstandard", _stored("zstd")),
    Feature("q", "weights: gzip;q=0, order, *", _qualities),
    Feature("own-etag", "separate ETag for each coding", _own_etag),
    Feature("vary", "Vary on 304", _vary),
    Feature("coded-range", "ranges of a compressed copy", _ranges),
    Feature("stale", "outdated compressed copy is not sent", _stale),
    Feature("compress", "compression on the fly", _in_memory),
    Feature("command", "command that writes compressed copies", _command),
)
