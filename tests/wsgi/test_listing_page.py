"""The page of a listing, and the same as JSON: escaping, links, sizes, times, breadcrumbs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from wsgistatic.wsgi.listing_page import STYLE, Entry, html_page, human_size, json_array


class Page(HTMLParser):
    """Parses the page as a browser does."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.title = ""
        self._stack: list[str] = []
        self.feed(text)
        self.close()
        assert self._stack == []

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self._stack.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag == "a":
            self.links.append((dict(attributes)["href"] or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "a" in self._stack:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)
        if "title" in self._stack:
            self.title += data


def page(*entries: Entry, root: str = "/", segments: tuple[str, ...] = ()) -> tuple[str, Page]:
    text = "".join(html_page(root, segments, entries))
    text.encode()  # which fails for a lone surrogate
    return text, Page(text)


def file(name: str, size: int = 0, modified: int = 0) -> Entry:
    return Entry(name, False, size, modified)


@pytest.mark.byte_names
@pytest.mark.parametrize(
    ("name", "href", "shown"),
    [
        ("a.txt", "a.txt", "a.txt"),
        ("<b>&\"'.txt", "%3Cb%3E%26%22%27.txt", "<b>&\"'.txt"),
        ("&lt;", "%26lt%3B", "&lt;"),
        ("a b?c#d%20", "a%20b%3Fc%23d%2520", "a b?c#d%20"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29", "javascript:alert(1)"),
        ("a\nb\rc\td", "a%0Ab%0Dc%09d", r"a\nb\rc\td"),
        ("\x1b[31m\x7f\x85", "%1B%5B31m%7F%C2%85", r"\x1b[31m\x7f\x85"),
        ("evil\u202egpj.exe", "evil%E2%80%AEgpj.exe", r"evil\u202egpj.exe"),
        ("\u2066a\u200b\ufeff", "%E2%81%A6a%E2%80%8B%EF%BB%BF", r"\u2066a\u200b\ufeff"),
        ("a\u2060b\u2028", "a%E2%81%A0b%E2%80%A8", r"a\u2060b\u2028"),
        ("raw\udc80\udcff", "raw%80%FF", r"raw\x80\xff"),
        ("\xe4<b>&", "%C3%A4%3Cb%3E%26", "\xe4<b>&"),
        ("ünï", "%C3%BCn%C3%AF", "ünï"),
        ("👩\u200d💻", "%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB", "👩\u200d💻"),
        ("\\", "%5C", "\\"),
        (".well-known", "%2Ewell-known", ".well-known"),
        ("_static-~.", "%5Fstatic-~.", "_static-~."),
    ],
)
def test_names_are_escaped_in_links_and_text(name: str, href: str, shown: str) -> None:
    text, parsed = page(file(name))
    assert parsed.links == [(href, shown)]
    assert name in text or name != shown or "&" in text
    # Many programs that read such pages have no HTML parser.
    assert f'<td><a href="{href}">' in text


def test_links_to_directories_end_in_a_slash() -> None:
    _, parsed = page(Entry("a:b", True, 0, 0))
    assert parsed.links == [("a%3Ab/", "a:b/")]


def test_breadcrumbs_are_relative() -> None:
    _, parsed = page(root="/app/static", segments=("a", "<b>", "c"))
    assert parsed.links == [("../../../", "/app/static"), ("../../", "a"), ("../", "<b>")]
    assert parsed.title == "Index of /app/static/a/<b>/c/"
    _, parsed = page(segments=("\u202ea",))
    assert parsed.links == [("../", "/")]
    assert parsed.title == "Index of /\\u202ea/"
    _, parsed = page()
    assert parsed.links == []
    assert parsed.title == "Index of /"


def test_sizes_are_exact_below_a_kibibyte() -> None:
    text, _ = page(file("a", 1023), file("b", 1024))
    assert "<td>1023 bytes</td>" in text
    assert '<td><span title="1024 bytes">1.0 KiB</span></td>' in text


def test_sizes_and_times_are_shown() -> None:
    text, _ = page(file("a", 1), file("b", 123456, 1_700_000_000), file("c", 5, 10**15))
    assert "<td>1 byte</td>" in text
    assert '<td><span title="123456 bytes">121 KiB</span></td>' in text
    assert '<td><time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13</time></td>' in text
    assert "<td>5 bytes</td><td></td>" in text  # the year has more than four digits
    text, _ = page(file("a", 0, -1))
    assert 'datetime="1969-12-31T23:59:59Z"' in text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (102348, "99.9 KiB"),
        (102399, "100 KiB"),
        (1023487, "999 KiB"),
        (1023488, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**63, "8.0 EiB"),
        (2**73, "8192 EiB"),
    ],
)
def test_large_sizes_are_rounded(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("entries", "summary"),
    [
        ([], "This folder is empty."),
        ([file("a", 1)], "1 file, 1 byte"),
        ([Entry("d", True, 0, 0), file("a", 600), file("b", 1000)],
         '1 folder, 2 files, <span title="1600 bytes">1.6 KiB</span>'),
        ([Entry("d", True, 0, 0), Entry("e", True, 0, 0)], "2 folders"),
    ],
)  # fmt: skip
def test_the_summary_counts_the_entries(entries: list[Entry], summary: str) -> None:
    text, _ = page(*entries)
    assert text.endswith(f"<p>{summary}</p>\n</main>\n</body>\n</html>\n")
    assert ("<table>" in text) is bool(entries)


def test_the_page_needs_no_other_resource() -> None:
    text, parsed = page(file("a"), segments=("b",))
    assert "<script" not in text
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert "</" not in STYLE
    assert not [
        name for _, name, _ in parsed.attributes if name in ("src", "style") or name[:2] == "on"
    ]
    meta = [value for tag, name, value in parsed.attributes if tag == "meta" and name == "content"]
    assert "width=device-width, initial-scale=1" in meta
    assert "prefers-color-scheme:dark" in STYLE


def test_the_head_is_sent_before_any_entry_is_read() -> None:
    def fail() -> object:
        raise AssertionError
        yield

    head = next(html_page("/", (), fail()))  # type: ignore[arg-type]
    assert "<title>" in head


@pytest.mark.byte_names
def test_entries_as_json() -> None:
    entries = [Entry("dir", True, 0, 1_700_000_000), file('r\udcff\u202e"', 7, 10**15)]
    text = "".join(json_array(entries))
    assert text.isascii()
    assert json.loads(text) == [
        {"name": "dir", "type": "directory", "size": None,
         "modified": "2023-11-14T22:13:20Z", "url": "dir/"},
        {"name": "r\ufffd\u202e\"", "type": "file", "size": 7,
         "modified": None, "url": "r%FF%E2%80%AE%22"},
    ]  # fmt: skip
    assert json.loads("".join(json_array([]))) == []
