"""Preconditions in the order of RFC 9110 13.2.2, and If-Range (13.1.5)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgistatic.http.conditional import (
    Preconditions,
    Validators,
    evaluate_preconditions,
    if_range_matches,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))

MODIFIED = 783_459_811  # the example of 13.1.3
NOW = MODIFIED + 30 * 365 * 86400
IMF = "Sat, 29 Oct 1994 19:43:31 GMT"
RFC850 = "Saturday, 29-Oct-94 19:43:31 GMT"
ASCTIME = "Sat Oct 29 19:43:31 1994"
EARLIER = "Sat, 29 Oct 1994 19:43:30 GMT"
LATER = "Sat, 29 Oct 1994 19:43:32 GMT"
NOT_DATES = ["", "0", "*", '"xyzzy"', "garbage", f"{IMF}, {IMF}", IMF[:-4], IMF.lower(), "\udc80"]
NOT_DATES += ["Thu, 30 Feb 2012 00:00:00 GMT", "9" * 5000, "1994-10-29T19:43:31Z", f"{LATER}\n"]

STRONG = Validators('"xyzzy"', MODIFIED, True)
WEAK = Validators('W/"xyzzy"', MODIFIED, False)
NONE = Validators()


def evaluate(validators: Validators = STRONG, **fields: str) -> int:
    return evaluate_preconditions(Preconditions(**fields), validators, NOW)


# ---- one field at a time -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "strong", "weak", "none"),
    [
        # 13.1.1's examples
        ('"xyzzy"', 200, 412, 412),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', 200, 412, 412),
        ("*", 200, 200, 200),  # a current representation exists
        # strong comparison: a weak tag on either side never matches
        ('W/"xyzzy"', 412, 412, 412),
        ('W/"xyzzy", "xyzzy"', 200, 412, 412),
        ('"r2d2xxxx", "xyzzy"', 200, 412, 412),
        (" \t*\t ", 200, 200, 200),
        (' ,"xyzzy" ,', 200, 412, 412),
        ('"xyzzy", garbage', 200, 412, 412),
        # no matching tag, whatever else the value is
        *((value, 412, 412, 412) for value in ('"r2d2xxxx"', '"XYZZY"', '"*"', "xyzzy", "", ",")),
        *((value, 412, 412, 412) for value in ("**", '*, "xyzzy"', 'garbage, "xyzzy"', "\udc80")),
        *((value, 412, 412, 412) for value in ('w/"xyzzy"', '"xyzzy', '"xyzzy"x', IMF, "9" * 5000)),
    ],
)
def test_if_match(value: str, strong: int, weak: int, none: int) -> None:
    """13.1.1."""
    assert evaluate(STRONG, if_match=value) == strong
    assert evaluate(WEAK, if_match=value) == weak
    assert evaluate(NONE, if_match=value) == none


@pytest.mark.parametrize(
    ("value", "tagged", "none"),
    [
        # 13.1.2's examples
        ('"xyzzy"', 304, 200),
        ('W/"xyzzy"', 304, 200),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', 304, 200),
        ('W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz"', 304, 200),
        ("*", 304, 304),
        # weak comparison, anywhere in the list
        ('"r2d2xxxx",W/"xyzzy"', 304, 200),
        ("\t*", 304, 304),
        ('"xyzzy", garbage', 304, 200),
        *((value, 200, 200) for value in ('"r2d2xxxx"', 'W/"r2d2xxxx"', '"*"', "xyzzy", "", ",")),
        *((value, 200, 200) for value in ("**", '*, "xyzzy"', 'garbage, "xyzzy"', "\udc80", IMF)),
        *((value, 200, 200) for value in ('w/"xyzzy"', '"xyzzy', '"W/xyzzy"', '"' * 60_000)),
    ],
)
def test_if_none_match(value: str, tagged: int, none: int) -> None:
    """13.1.2: for GET and HEAD, false means 304."""
    assert evaluate(STRONG, if_none_match=value) == tagged
    assert evaluate(WEAK, if_none_match=value) == tagged
    assert evaluate(NONE, if_none_match=value) == none


@pytest.mark.parametrize(
    ("value", "since", "unmodified"),
    [
        # the example of 13.1.3 and 13.1.4, in the three formats of 5.6.7
        *((value, 304, 200) for value in (IMF, RFC850, ASCTIME, f" {IMF}\t")),
        (LATER, 304, 200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 304, 200),
        (EARLIER, 200, 412),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200, 412),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 200, 412),
        # "MUST ignore ... if the received field value is not a valid HTTP-date"
        *((value, 200, 200) for value in NOT_DATES),
    ],
)
def test_if_modified_since_and_if_unmodified_since(value: str, since: int, unmodified: int) -> None:
    for validators in (STRONG, WEAK):
        assert evaluate(validators, if_modified_since=value) == since
        assert evaluate(validators, if_unmodified_since=value) == unmodified
    # ... and "if the resource does not have a modification date available"
    assert evaluate(NONE, if_modified_since=value) == 200
    assert evaluate(NONE, if_unmodified_since=value) == 200


def test_without_preconditions() -> None:
    for validators in (STRONG, WEAK, NONE):
        assert evaluate(validators) == 200
    assert Preconditions() == (None, None, None, None)
    assert Validators() == (None, None, False)


def test_two_digit_year_depends_on_now() -> None:
    """5.6.7: the same field, 40 years apart."""
    fields = Preconditions(if_modified_since="Saturday, 29-Oct-50 00:00:00 GMT")
    assert evaluate_preconditions(fields, STRONG, MODIFIED) == 200  # 1950
    assert evaluate_preconditions(fields, STRONG, NOW) == 304  # 2050
    fields = Preconditions(if_unmodified_since="Saturday, 29-Oct-50 00:00:00 GMT")
    assert evaluate_preconditions(fields, STRONG, MODIFIED) == 412
    assert evaluate_preconditions(fields, STRONG, NOW) == 200
    assert not if_range_matches(RFC850, STRONG, MODIFIED - 60 * 365 * 86400)


# ---- several at once ---------------------------------------------------------------------------

# A value of each kind. For tags: whether it matches strongly, and weakly. For dates: whether the
# representation is unmodified since then (None: the field is ignored).
TAG_VALUES: dict[str | None, tuple[bool, bool]] = {
    '"xyzzy"': (True, True),
    'W/"xyzzy"': (False, True),
    "*": (True, True),
    '"other"': (False, False),
    "garbage": (False, False),
}
DATE_VALUES: dict[str | None, bool | None] = {
    IMF: True,
    RFC850: True,
    LATER: True,
    EARLIER: False,
    "garbage": None,
    f"{EARLIER}, {EARLIER}": None,
}


def test_every_combination() -> None:
    """13.2.2, steps 1 to 4, for every combination of the four fields."""
    tags, dates = [None, *TAG_VALUES], [None, *DATE_VALUES]
    seen = set()
    for fields in itertools.product(tags, dates, tags, dates):
        match, unmodified, none_match, since = fields
        expected = 200
        if match is not None:
            failed = not TAG_VALUES[match][0]  # step 1
        else:
            failed = DATE_VALUES.get(unmodified) is False  # step 2
        if failed:
            expected = 412
        elif none_match is not None:
            expected = 304 if TAG_VALUES[none_match][1] else 200  # step 3
        elif DATE_VALUES.get(since):
            expected = 304  # step 4
        assert evaluate_preconditions(Preconditions(*fields), STRONG, NOW) == expected, fields
        seen.add(expected)
    assert seen == {200, 304, 412}


@given(*[st.none() | ANY_TEXT | st.sampled_from(['"xyzzy"', "*", IMF, LATER])] * 4)
@settings(deadline=None)
def test_any_text_is_evaluated(a: str | None, b: str | None, c: str | None, d: str | None) -> None:
    for validators in (STRONG, WEAK, NONE, Validators('"\xe9"', None, True)):
        assert evaluate_preconditions(Preconditions(a, b, c, d), validators, NOW) in {200, 304, 412}
        for value in filter(None, (a, b, c, d)):
            assert if_range_matches(value, validators, NOW) in {True, False}


@pytest.mark.parametrize(
    "value", ['"a", ' * 200_000, "*" * 1_000_000, " " * 1_000_000 + "*x", "9" * 1_000_000]
)
def test_huge_values_take_linear_time(value: str) -> None:
    assert evaluate(if_match=value) == 412
    assert evaluate(if_none_match=value) == 200
    assert evaluate(if_modified_since=value) == 200
    assert evaluate(if_unmodified_since=value) == 200
    assert not if_range_matches(value, STRONG, NOW)


# ---- If-Range ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "validators", "expected"),
    [
        # an entity tag: strong comparison
        ('"xyzzy"', STRONG, True),
        (' "xyzzy"\t', STRONG, True),
        ('"other"', STRONG, False),
        ('W/"xyzzy"', STRONG, False),
        ('W/"xyzzy"', WEAK, False),
        ('"xyzzy"', WEAK, False),
        ('"xyzzy"', NONE, False),
        ('"xyzzy"', Validators(None, MODIFIED, True), False),
        ('"xyzzy"', Validators('"xyzzy"'), True),
        # a date: equal to Last-Modified, a strong validator (8.8.2.2), in any format
        *((value, STRONG, True) for value in (IMF, RFC850, ASCTIME, f" {IMF} ")),
        *((value, STRONG, False) for value in (EARLIER, LATER, "Fri, 31 Dec 9999 23:59:59 GMT")),
        (IMF, WEAK, False),
        (IMF, NONE, False),
        (IMF, Validators(None, None, True), False),
        (IMF, Validators(None, MODIFIED, True), True),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Validators(None, 0, True), True),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Validators(None, None, True), False),
        # neither: If-Range is a single value, neither a list nor a star (13.1.5)
        *((value, STRONG, False) for value in NOT_DATES if value != '"xyzzy"'),
        *((value, STRONG, False) for value in ('"xyzzy", "xyzzy"', '"xyzzy",', "xyzzy", "'xyzzy'")),
        *((value, STRONG, False) for value in (f'"xyzzy", {IMF}', '"xyzzy', "\u20ac", '"\u20ac"')),
    ],
)
def test_if_range_matches(value: str, validators: Validators, expected: bool) -> None:
    """13.1.5: without an exact match the whole representation is sent."""
    assert if_range_matches(value, validators, NOW) is expected
