"""The header fields, names and heads of compression dictionaries (RFC 9842)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.conftest import encoded
from wsgistatic.http.dictionaries import (
    DCZ_MAGIC,
    delta_fault,
    delta_suffix,
    is_eligible,
    name_pattern,
    offered_dictionary,
    split_delta_name,
    use_as_dictionary,
)

DIGEST = bytes(range(32))
FIELD = f":{b64encode(DIGEST).decode()}:"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("editor-KLE6jdfb.js", "editor-*.js"),  # Vite
        ("editor-BdtEMBbM.js", "editor-*.js"),
        ("main-ABC2DEFG.css", "main-*.css"),  # esbuild
        ("vue.3f1c9ab04d2e.js", "vue.*.js"),  # Django
        ("app.55e7cbb9ba48d1f0.chunk.js", "app.*.chunk.js"),  # webpack
        ("bootstrap.min.css", "bootstrap.min.css"),
        ("app-settings.js", "app-settings.js"),
        ("three-0.186.1.js", "three-0.186.1.js"),
        ("app.js", "app.js"),
    ],
)
def test_the_hash_in_a_name_is_recognised(name: str, pattern: str) -> None:
    assert name_pattern(name) == pattern


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("/static/editor-KLE6jdfb.js", "editor-*.js"),
        ("/a%20%2B%28b%29%7Bc%7D%3F%3A%2A.js", "a%20%2B%28b%29%7Bc%7D%3F%3A%2A.js"),
        ("/a+b:c*(d).js", "a%2Bb%3Ac%2A%28d%29.js"),
        ("/%C3%A9~.js", "%C3%A9~.js"),
    ],
)
def test_no_character_of_a_name_is_syntax_of_the_pattern(url: str, match: str) -> None:
    assert use_as_dictionary(url) == f'match="{match}"'


@pytest.mark.parametrize("accepted", ["dcz", "gzip, br;q=0.5, DCZ;q=0.1", "dcb, dcz"])
def test_an_offered_dictionary_is_64_hexadecimal_digits(accepted: str) -> None:
    assert offered_dictionary(f" {FIELD}\t", accepted) == DIGEST.hex()


@pytest.mark.parametrize(
    ("field", "accepted"),
    [
        (None, "dcz"),
        (FIELD, None),
        (FIELD, "gzip, br, zstd, dcb"),
        (FIELD, "dcz;q=0"),
        (FIELD, "dcz, dcz;q=0"),
        (FIELD, "*"),
        (FIELD, "*, dcz;q=2"),
        ("", "dcz"),
        ("::", "dcz"),
        (FIELD.strip(":"), "dcz"),
        (f"{FIELD}, {FIELD}", "dcz"),
        (f"{FIELD};a=1", "dcz"),
        (":../../../../etc/passwd:", "dcz"),
        (":" + "../" * 14 + "a=:", "dcz"),
        (f":{b64encode(DIGEST[:31]).decode()}:", "dcz"),
        (f":{b64encode(DIGEST + b'x').decode()}:", "dcz"),
        (":" + "_" * 43 + "=:", "dcz"),
        (":" + "\xe9" * 43 + "=:", "dcz"),
        (FIELD + "\n", "dcz"),
        (":" + "A" * 100_000 + ":", "dcz"),
    ],
)
def test_other_fields_offer_nothing(field: str | None, accepted: str | None) -> None:
    assert offered_dictionary(field, accepted) is None


def test_names_of_deltas() -> None:
    digits = DIGEST.hex()
    assert split_delta_name(f"app.js{delta_suffix(digits)}") == ("app.js", digits)
    for name in ("app.dcz", f"{digits}.dcz", f"app.js.{digits[1:]}.dcz", f"a.{digits.upper()}.dcz"):
        assert split_delta_name(name) is None


def test_pages_and_pictures_have_no_deltas() -> None:
    assert all(map(is_eligible, ("a.js", "a.mjs", "a.css", "a.wasm", "a.json", "a.svg")))
    assert not any(map(is_eligible, ("a.html", "a.png", "a.js.gz", ".js", "js")))


def test_faults_of_deltas() -> None:
    frame, digits = encoded("zstd", b"content"), DIGEST.hex()
    head = DCZ_MAGIC + DIGEST
    assert delta_fault(head + frame, digits, 7) is None
    assert delta_fault(head + frame, "00" * 32, 7) is not None
    assert delta_fault(head[:20], digits, 7) is not None
    assert delta_fault(head, digits, 7) is not None
    assert delta_fault(head + frame, digits, 8) is not None
    window = b"\x28\xb5\x2f\xfd\x00\x70" + bytes(12)  # 16 MiB, which Chromium refuses
    assert delta_fault(head + window, digits, 7) is not None
