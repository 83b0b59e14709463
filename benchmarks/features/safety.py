"""Probes: what must not be served, and must not stop the server."""

from __future__ import annotations

import os
import queue
import threading

from benchmarks.features.bench import TEXT, Bench, Feature, is_missed, need, need_all, status_of
from benchmarks.scenarios import Unable

_SECRET = b"canary"
_PATIENCE = 2.0  # seconds


def _traversal(bench: Bench) -> None:
    (bench.root.parent / "secret.txt").write_bytes(_SECRET)
    bench.start()
    outside = str(bench.root.parent / "secret.txt")
    for path in ("../secret.txt", "css/../../secret.txt", "..\\secret.txt", outside):
        reply = bench.ask(path)
        need(_SECRET not in reply.body, f"sends {path}")


def _links(bench: Bench) -> None:
    outside = bench.root.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(_SECRET)
    (bench.root / "link.txt").symlink_to(outside / "secret.txt")
    (bench.root / "up").symlink_to(outside)
    bench.start()
    need_all({name: _SECRET not in bench.ask(name).body for name in ("link.txt", "up/secret.txt")})


def _links_inside(bench: Bench) -> None:
    (bench.root / "link.css").symlink_to("css/app.css")
    bench.start()
    need(bench.ask("link.css").body == TEXT, "not served")


def _dot_names(bench: Bench) -> None:
    for name in (".env", ".git/config"):
        bench.write(name, _SECRET)
    bench.start("dotfiles")
    need_all({name: is_missed(bench.ask(name)) for name in (".env", ".git/config")})


def _pipe(bench: Bench) -> None:
    pipe = bench.root / "pipe"
    os.mkfifo(pipe)
    bench.write("a.css")
    outcomes: queue.SimpleQueue[int | str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            bench.build()
            outcomes.put(status_of(bench.ask("pipe")))
        except Exception as error:
            outcomes.put(f"raises {type(error).__name__}")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    blocked = thread.is_alive()
    if blocked:  # a writer that goes at once lets the reader go
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        thread.join()
    need(not blocked, "waits for a writer")
    outcome = outcomes.get_nowait()
    need(outcome in (403, 404), str(outcome))


def _odd_paths(bench: Bench) -> None:
    bench.start()
    for name, path in (("NUL", "a\0b"), ("no UTF-8", "a\xffb"), ("5000 letters", "x" * 5000)):
        try:
            reply = bench.ask(path)
        except Exception as error:
            raise Unable(f"{type(error).__name__} for {name}") from error
        need(is_missed(reply), f"status {status_of(reply)} for {name}")


def _sniffing(bench: Bench) -> None:
    need(bench.start().headers.get("x-content-type-options") == "nosniff", "not sent")


def _non_ascii(bench: Bench) -> None:
    bench.write("gr\u00fc\u00dfe.css")
    bench.start()
    name = "gr\u00fc\u00dfe.css".encode().decode("latin-1")
    bench.serve(name)


FEATURES = (
    Feature("traversal", "paths cannot leave the directory", _traversal),
    Feature("links", "symbolic links cannot leave the directory", _links),
    Feature("links-inside", "links inside the directory are served", _links_inside),
    Feature("dot-names", ".env and .git/config are not served", _dot_names),
    Feature("pipe", "a FIFO does not block a request", _pipe),
    Feature("odd-paths", "odd paths are misses, not errors", _odd_paths),
    Feature("non-ascii", "non-ASCII names", _non_ascii),
    Feature("nosniff", "nosniff", _sniffing),
)
