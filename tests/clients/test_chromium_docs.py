"""The built documentation in headless Chromium: pages fit the window, and no link is dead."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.documents import ROOT

pytestmark = pytest.mark.clients

PHONE, DESKTOP = (390, 844), (1280, 800)
# What is wider than the window, but for what scrolls in a box of its own.
WIDE = """
() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll('article *')]
        .filter(each => each.getBoundingClientRect().right > innerWidth)
        .map(each => each.outerHTML.slice(0, 120)).slice(0, 3).concat('too wide')
"""
TARGETS = """
() => [...document.querySelectorAll('a[href], link[href], img[src], script[src]')]
    .map(each => each.href || each.src)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages."""
    pytest.importorskip("sphinx", reason="sphinx is not installed")
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going",
         "-d", folder / "doctrees", ROOT / "docs", folder / "html"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module", params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def window(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    yield context.new_page()
    context.close()


def test_every_page_is_built(built: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.rst")}
    assert {path.with_suffix(".html") for path in pages} <= set(pages_in(built))


def test_no_page_scrolls_sideways(built: Path, window: Any) -> None:
    wide = {}
    for page in pages_in(built):
        window.goto((built / page).as_uri())
        if found := window.evaluate(WIDE):
            wide[str(page)] = found
    assert wide == {}


def test_local_links_lead_somewhere(built: Path, browser: Any) -> None:
    window = browser.new_page()
    anchors: dict[Path, set[str]] = {}
    dead, checked = [], 0
    for page in pages_in(built):
        window.goto((built / page).as_uri())
        for target in window.evaluate(TARGETS):
            url = urlsplit(target)
            if url.scheme != "file":
                continue
            checked += 1
            path = Path(unquote(url.path))
            if not path.is_file():
                dead.append(f"{page}: {target}")
            elif url.fragment:
                if path not in anchors:
                    anchors[path] = {*re.findall(r'\bid="([^"]+)"', path.read_text())}
                if unquote(url.fragment) not in anchors[path]:
                    dead.append(f"{page}: {target}")
    window.close()
    assert dead == []
    assert checked > 1000


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("stale-while-revalidate", "howto/cdn.html"),
        ("cache_control", "reference/options.html#confval-cache_control"),
        ("allow-host", "reference/command-line.html#cmdoption-wsgistatic-allow-host"),
    ],
)
def test_the_search_finds_a_page(built: Path, window: Any, words: str, page: str) -> None:
    window.goto((built / "index.html").as_uri())
    field = window.locator("input[name=q]")
    if field.bounding_box()["x"] < 0:  # on a phone, the sidebar is closed
        window.locator("label[for=__navigation]:visible").first.click()
    field.fill(words)
    field.press("Enter")
    window.locator(f"ul.search a[href='{page}']").first.click()
    window.wait_for_url(f"**/{page.partition('#')[0]}*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_diagram_is_readable(built: Path, browser: Any, scheme: str) -> None:
    window = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    window.goto((built / "explanation/requests.html").as_uri())
    text, box, page = window.evaluate("""() => [
        getComputedStyle(document.querySelector('svg.request-diagram text')).fill,
        getComputedStyle(document.querySelector('svg.request-diagram rect')).fill,
        getComputedStyle(document.body).backgroundColor]""")
    width, ends, heights = window.evaluate("""() => {
        const svg = document.querySelector('svg.request-diagram');
        const boxes = [...svg.querySelectorAll('text')].map(each => each.getBBox());
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return [svg.viewBox.baseVal.width, boxes.map(box => box.x + box.width),
                boxes.map(box => box.height * scale)]; }""")
    window.close()
    assert min(abs(brightness(text) - brightness(other)) for other in (box, page)) > 128
    assert (brightness(page) < 128) is (scheme == "dark")
    assert max(ends) <= width
    assert min(heights) >= 12  # pixels, on a phone


def brightness(color: str) -> float:
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return 0.299 * red + 0.587 * green + 0.114 * blue


def pages_in(built: Path) -> list[Path]:
    return sorted(path.relative_to(built) for path in built.rglob("*.html"))
