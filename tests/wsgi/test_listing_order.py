"""The order of the entries in a listing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.wsgi.listing_page import from_sort_key, sort_key

NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"])
    | st.sampled_from("0123456789aA\udcff"),
    min_size=1,
    max_size=12,
)


def in_order(*names: str) -> list[str]:
    return [from_sort_key(key)[0] for key in sorted(sort_key(name, False) for name in names)]


def test_numbers_are_sorted_by_value() -> None:
    wanted = ["1.txt", "2.txt", "10.txt", "file", "file1", "file2a", "file2b10", "file10"]
    assert in_order(*reversed(wanted)) == wanted
    assert in_order("a007", "a7", "a8", "a06") == ["a06", "a007", "a7", "a8"]
    assert in_order("v1.10.0", "v1.9.12", "v1.9.2") == ["v1.9.2", "v1.9.12", "v1.10.0"]
    assert in_order("9" * 255, "1" + "0" * 254, "8" * 254) == [
        "8" * 254,
        "1" + "0" * 254,
        "9" * 255,
    ]


def test_case_matters_only_between_names_that_are_otherwise_equal() -> None:
    assert in_order("b", "A", "B", "a") == ["A", "a", "B", "b"]


def test_digits_sort_between_punctuation_and_letters() -> None:
    assert in_order("b", "1", "-") == ["-", "1", "b"]


def test_directories_come_first() -> None:
    keys = sorted([sort_key("a", False), sort_key("z", True)])
    assert [from_sort_key(key) for key in keys] == [("z", True), ("a", False)]


@given(NAMES, st.booleans())
def test_a_sort_key_contains_the_name(name: str, is_directory: bool) -> None:
    assert from_sort_key(sort_key(name, is_directory)) == (name, is_directory)


@given(st.integers(0, 10**30), st.integers(0, 10**30), NAMES)
def test_a_greater_number_sorts_later(one: int, other: int, rest: str) -> None:
    if not rest[0].isdigit():
        one_is_less = sort_key(f"x{one}{rest}", False) < sort_key(f"x{other}{rest}", False)
        assert one_is_less is (one < other)
