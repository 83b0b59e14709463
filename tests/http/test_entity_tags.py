"""Entity tags and their lists (RFC 9110 8.8.3), against a reader of single characters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.conditional import (
    entity_tags,
    is_entity_tag,
    is_weak,
    matches_strongly,
    matches_weakly,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
# every etagc: %x21 / %x23-7E / obs-text
ETAGC = "!" + "".join(map(chr, range(0x23, 0x7F))) + "".join(map(chr, range(0x80, 0x100)))
OPAQUE = st.text(ETAGC, max_size=8).map('"{}"'.format)
TAG = st.builds(str.__add__, st.sampled_from(["", "W/"]), OPAQUE)


@pytest.mark.parametrize(
    "tag",
    [
        # 8.8.3's examples
        *('"xyzzy"', 'W/"xyzzy"', '""', 'W/""'),
        *('"W/"', '"*"', '"a,b"', r'"a\"', '"-"', '"\x21"', '"\x7e"', '"\x80\xff"', f'"{ETAGC}"'),
    ],
)
def test_is_entity_tag(tag: str) -> None:
    assert is_entity_tag(tag)
    assert list(entity_tags(tag)) == [tag]


@pytest.mark.parametrize(
    "text",
    [
        *("", "xyzzy", '"', '"xyzzy', 'xyzzy"', "'xyzzy'", "W/xyzzy", "W/", 'W/"', "*", " "),
        *('w/"xyzzy"', 'W "xyzzy"', 'W/ "xyzzy"', '/"xyzzy"', 'WW/"xyzzy"', 'W/W/"x"', '\\"x"'),
        *('"x""y"', '"x"y', 'x"y"', '"x" ', ' "x"', '"x",', '"x"\n', '"x"\x00', '"x", "y"'),
        # no whitespace, no control characters, no quotes, nothing above U+00FF
        *('"x y"', '"x\ty"', '"x\ny"', '"x\x00"', '"\x7f"', '"\u0100"', '"\u20ac"', '"\ud800"'),
        *('"x\\"y"', "\uff02x\uff02", "\u201cx\u201d"),
    ],
)
def test_is_not_entity_tag(text: str) -> None:
    assert not is_entity_tag(text)


@pytest.mark.parametrize(
    ("tag", "other", "strongly", "weakly"),
    [
        # the table of 8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
        # and further cases
        ('"1"', '"2"', False, False),
        ('"a"', '"A"', False, False),
        ('""', '""', True, True),
        ('"W/1"', '"1"', False, False),
        ('"W/"', 'W/""', False, False),
        ('"1"', '"1 "', False, False),
    ],
)
def test_comparison(tag: str, other: str, strongly: bool, weakly: bool) -> None:
    for a, b in ((tag, other), (other, tag)):
        assert matches_strongly(a, b) is strongly
        assert matches_weakly(a, b) is weakly


@given(OPAQUE, OPAQUE, st.booleans(), st.booleans())
@settings(deadline=None)
def test_comparison_of_any_tags(opaque: str, other: str, weak: bool, other_weak: bool) -> None:
    a, b = "W/" * weak + opaque, "W/" * other_weak + other
    assert is_weak(a) is weak
    assert matches_weakly(a, b) is (opaque == other)
    assert matches_strongly(a, b) is (opaque == other and not weak and not other_weak)
    assert matches_weakly(a, "W/" + opaque)
    assert matches_strongly(a, a) is not weak


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 13.1.1's and 13.1.2's examples
        ('"xyzzy"', ['"xyzzy"']),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', ['"xyzzy"', '"r2d2xxxx"', '"c3piozzzz"']),
        ('W/"xyzzy", W/"r2d2xxxx"', ['W/"xyzzy"', 'W/"r2d2xxxx"']),
        # whitespace is optional, empty elements are ignored (5.6.1.2)
        ('"a","b"', ['"a"', '"b"']),
        ('\t"a" \t,\t "b" ', ['"a"', '"b"']),
        (',, ,"a",\t,,W/"b",', ['"a"', 'W/"b"']),
        # a comma inside a tag does not separate
        ('"a,b", "c, d"', ['"a,b"']),  # a tag has no spaces, so the list ends there
        ('"a,b","c"', ['"a,b"', '"c"']),
        ('"," , "\xe9"', ['","', '"\xe9"']),
        ('"a", "a"', ['"a"', '"a"']),
        # no tags
        *((text, []) for text in ("", " ", ",", ", ,\t,", "*", "garbage", "W/", '"', "\x00")),
        # the list ends at the first error
        *((f'"a", {rest}', ['"a"']) for rest in ("b", '"b', "*", 'w/"b"', '"b" "c"', '"b"c', "W/")),
        *(
            (f'"a", {rest}', ['"a"'])
            for rest in ('"b";"c"', "\u20ac", '"\u20ac"', '\x0b"b"', '\n"b"')
        ),
        *(
            (f'"a"{rest}', [])
            for rest in ("b", ' "b"', "\x00", "\n", ";", '"b"', "\u00a0", "\udc80")
        ),
        *((f'{rest}, "a"', []) for rest in ("b", '"b', "*", 'w/"b"', '"b c"', "\u20ac", "\udc80")),
    ],
)
def test_entity_tags(value: str, expected: list[str]) -> None:
    assert list(entity_tags(value)) == expected


SEPARATOR = st.builds("{},{}".format, st.text(" \t", max_size=2), st.text(" \t,", max_size=3))


@given(st.lists(st.tuples(TAG, SEPARATOR)), st.text(" \t,", max_size=3), st.booleans())
@settings(deadline=None, max_examples=examples(300))
def test_any_list_is_read_back(parts: list[tuple[str, str]], before: str, comma: bool) -> None:
    value = before + "".join(tag + separator for tag, separator in parts)
    tags = [tag for tag, _ in parts]
    assert list(entity_tags(value if comma else value.rstrip(", \t"))) == tags
    assert list(entity_tags(value + "garbage")) == tags
    assert list(entity_tags("garbage" + value)) == []


def read_slowly(value: str) -> list[str]:
    """Read elements, whitespace and commas by character, up to anything else."""
    tags: list[str] = []
    rest = list(value)
    while True:
        while rest and rest[0] in " \t,":
            del rest[0]
        tag = ""
        if rest[:2] == ["W", "/"]:
            tag = "W/"
            del rest[:2]
        if rest[:1] != ['"']:
            return tags
        tag += rest.pop(0)
        while rest and rest[0] in ETAGC:
            tag += rest.pop(0)
        if rest[:1] != ['"']:
            return tags
        tag += rest.pop(0)
        while rest and rest[0] in " \t":
            del rest[0]
        if rest and rest[0] != ",":
            return tags
        tags.append(tag)


@given(st.text('"",W/ w\ta*\xe9\x7f\u0100\n\\', max_size=30))
@settings(deadline=None, max_examples=examples(600))
def test_against_a_slow_reader(value: str) -> None:
    tags = read_slowly(value)
    assert list(entity_tags(value)) == tags
    assert is_entity_tag(value) is (tags == [value])


@given(ANY_TEXT)
@settings(deadline=None)
def test_any_text_is_parsed(text: str) -> None:
    for value in (text, f'"a", {text}', f'"{text}"', f'W/"{text}, "b"'):
        assert all(map(is_entity_tag, entity_tags(value)))
    assert matches_weakly(text, text)
    assert matches_strongly(text, text) is not is_weak(text)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ('"a",' * 250_000, 250_000),
        ('W/"a" , ' * 125_000, 125_000),
        ('"' + "a" * 1_000_000 + '"', 1),
        ('"' + "a" * 1_000_000, 0),
        ('"' * 1_000_001, 0),
        ('""' + " " * 1_000_000 + "x", 0),
        (" " * 1_000_000 + "x", 0),
        (", " * 500_000 + '"a"', 1),
        ("W/" * 500_000, 0),
        ('W/"' * 300_000, 0),
        ('"a,' * 300_000, 0),
        ("\udc80" * 1_000_000, 0),
    ],
)
def test_huge_values_take_linear_time(value: str, count: int) -> None:
    """CVE-2017-16119: at these sizes a quadratic parser would not return."""
    assert sum(1 for _ in entity_tags(value)) == count
