"""The cache is read without its lock, by 16 threads that the interpreter switches all the time.

Each test fails if a copy or the lock that the module describes is removed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import call_raw, make_environ
from tests.conftest import age, encoded, settle
from tests.representations.test_cache import cache_of, variant_of
from wsgistatic import StaticFiles
from wsgistatic.representations.cached_file import NO_FILE, CachedFile

pytestmark = [pytest.mark.live, pytest.mark.memory_cache]

THREADS = 16
CODINGS = ("br", "gzip", "zstd")


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_threads(act: Callable[[int], None]) -> None:
    """Call a function in 16 threads at once, each with its number; raise the first error."""
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait()
        try:
            act(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_files_that_are_found_are_complete(site: Path) -> None:
    """Twelve threads add files, at most half of which fit; four read as the short path does."""
    cache, path = cache_of(20_000), site / "hello.txt"
    variants = {
        (key, coding): variant_of(path, f"{key} {coding}".encode(), coding=coding, varies=True)
        for key in map(str, range(10))
        for coding in CODINGS
    }
    found = [0] * THREADS

    def act(number: int) -> None:
        for turn in range(1500):
            key, coding = str((number + turn) % 10), CODINGS[turn % 3]
            if number % 4:
                cache.add(key, variants[key, coding], coding, ())
                continue
            cached = cache.files.get(key, NO_FILE)
            assert cached is NO_FILE or cached.variants
            variant = cached.variant_for(coding)
            if variant is not None:
                found[number] += 1
                assert variant.content == f"{key} {coding}".encode()
                assert cached.next_check(0.0, 1.0) == 1.0

    run_threads(act)
    assert sum(found) > 0
    assert 0 < len(cache.files) < 10
    assert cache._size == sum(cache._weigh(*item) for item in cache.files.items())
    assert cache._size <= cache.budget


LOOKS: dict[str, Callable[[CachedFile], object]] = {
    "dates": lambda cached: cached.next_check(0.0, 1.0) == 1.0,
    "outdated": lambda cached: not cached.is_outdated(),
    "deltas": lambda cached: not cached.has_deltas,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_variants_are_added_while_others_are_looked_at(
    site: Path, look: Callable[[CachedFile], object]
) -> None:
    """A method may go through all variants, because adding one replaces their dict."""
    path = site / "hello.txt"
    variants = [variant_of(path, coding=f"coding-{number}", varies=True) for number in range(60)]
    for _ in range(8):
        cached = CachedFile(str(path), (), ())

        def act(number: int, cached: CachedFile = cached) -> None:
            if number == 0:  # as with the lock: one at a time
                for variant in variants:
                    cached.put(variant, None)
            while len(cached.variants) < len(variants):
                assert look(cached)

        run_threads(act)


class Shared(dict[str | None, str]):
    """A dict that other threads change, so that iterating over it could raise RuntimeError."""

    def __iter__(self) -> Iterator[str | None]:
        raise AssertionError("iterates over the dict itself")


def test_values_of_accept_encoding_are_remembered_without_the_lock(site: Path) -> None:
    """More values than are kept: each gets its coding, and their number stays bounded."""
    path = site / "hello.txt"
    cached = CachedFile(str(path), (), ())
    cached.by_accept_encoding = Shared({"an earlier value": "br"})
    for coding in CODINGS:
        cached.put(variant_of(path, coding=coding, varies=True), coding)

    def act(number: int) -> None:
        for turn in range(4000):
            coding = CODINGS[turn % 3]
            variant = cached.variant_for(f"{coding}, x-{number};q=0, y-{turn}")
            assert variant is not None
            assert variant.representation.coding == coding

    run_threads(act)
    # Each thread may have added a value after it found that there was room for one.
    assert 1 <= len(cached.by_accept_encoding) <= 16 + THREADS


def test_responses_from_a_cache_that_is_too_small(site: Path) -> None:
    """Each response has the bytes of its file and coding, while files are added and evicted."""
    contents = {f"/file-{number}.txt": b"%d" % number * 1500 for number in range(8)}
    for name, content in contents.items():
        path = site / name[1:]
        path.write_bytes(content)
        path.with_name(f"{path.name}.gz").write_bytes(encoded("gzip", content))
        age(path)
        age(path.with_name(f"{path.name}.gz"))
    settle()
    app = StaticFiles(None, site, cache_size=50_000)
    bodies = {
        (name, coding): content if coding is None else encoded(coding, content)
        for name, content in contents.items()
        for coding in (None, "gzip")
    }
    requests = list(bodies)

    def act(number: int) -> None:
        for turn in range(40):
            name, coding = requests[(7 * number + turn) % len(requests)]
            extra = {} if coding is None else {"HTTP_ACCEPT_ENCODING": coding}
            response = call_raw(app, make_environ(name, **extra))
            assert response.body == bodies[name, coding]
            assert response.headers.get("Content-Encoding") == coding

    run_threads(act)
    cache = app._cache
    assert 0 < cache._size == sum(cache._weigh(*item) for item in cache.files.items()) <= 50_000
