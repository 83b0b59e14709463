"""Names with fingerprints: each is read in one way, and each name gets one that is read again."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.http.fingerprints import (
    fingerprint_of,
    has_fingerprint,
    integrity_of,
    split_fingerprint,
    with_fingerprint,
)
from wsgistatic.http.paths import SplitPath

FINGERPRINT = "3f2a9c01d4e7"


def path_of(text: str) -> SplitPath:
    return SplitPath(tuple(text.split("/")), False)


@pytest.mark.parametrize(
    ("plain", "named"),
    [
        ("css/app.css", f"css/app.{FINGERPRINT}.css"),
        ("app.min.js", f"app.min.{FINGERPRINT}.js"),
        ("archive.tar.gz", f"archive.tar.{FINGERPRINT}.gz"),
        ("LICENSE", f"LICENSE.{FINGERPRINT}"),
        ("v1.2/LICENSE", f"v1.2/LICENSE.{FINGERPRINT}"),
        ("end.", f"end.{FINGERPRINT}."),
        ("a..b", f"a..{FINGERPRINT}.b"),
        ("line\nbreak.js", f"line\nbreak.{FINGERPRINT}.js"),
        ("app.0123456789ab.css", f"app.0123456789ab.{FINGERPRINT}.css"),
        ("app.0123456789ab", f"app.{FINGERPRINT}.0123456789ab"),
    ],
)
def test_a_name_with_its_fingerprint(plain: str, named: str) -> None:
    assert with_fingerprint(path_of(plain), FINGERPRINT) == path_of(named)
    assert split_fingerprint(path_of(named)) == (path_of(plain), FINGERPRINT)
    assert has_fingerprint("/" + named)


@pytest.mark.parametrize(
    "name",
    [
        "app.css",
        "app.3f2a9c01d4e.css",
        "app.3f2a9c01d4e7a.css",
        "app.3F2A9C01D4E7.css",
        "app-3f2a9c01d4e7.css",
        "app.3f2a9c01d4e7.min.css",
        "3f2a9c01d4e7.css",
        "a.b.3f2a9c01d4e7/c",
        f".{FINGERPRINT}",
        f".{FINGERPRINT}.css",
        f".env.{FINGERPRINT}",
        f"css.{FINGERPRINT}/app.css",
        f"app.css.{FINGERPRINT}",
    ],
)
def test_a_name_without_one(name: str) -> None:
    assert split_fingerprint(path_of(name)) is None


@pytest.mark.parametrize("path", [SplitPath((), True), SplitPath((f"a.{FINGERPRINT}",), True)])
def test_a_directory_has_none(path: SplitPath) -> None:
    assert split_fingerprint(path) is None


def test_a_name_that_begins_with_a_dot_keeps_it() -> None:
    assert with_fingerprint(path_of("a/.zarray"), FINGERPRINT) == path_of("a/.zarray")


@given(st.text(st.sampled_from("ab0.~\u00e9\n"), min_size=1, max_size=20))
def test_every_name_can_be_read_again(name: str) -> None:
    plain = path_of(name)
    named = with_fingerprint(plain, FINGERPRINT)
    if name.startswith("."):
        assert named == plain
    else:
        assert split_fingerprint(named) == (plain, FINGERPRINT)
        assert has_fingerprint("/" + named.segments[0])


def test_the_values_of_a_digest() -> None:
    digest = hashlib.sha384(b"alert('Hello, world.');").digest()
    # The example of the W3C Recommendation, section 3.1.
    assert integrity_of(digest) == (
        "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO"
    )
    assert fingerprint_of(digest) == digest.hex()[:12]
