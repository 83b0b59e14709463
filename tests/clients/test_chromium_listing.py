"""Directory pages in headless Chromium: on phones and desktops, light and dark, with touch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import run_server

pytestmark = pytest.mark.clients

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
LONG = "x" * 150 + ".tar.gz"
NAMES = (LONG, "<img src=x onerror=alert(1)>&amp;\"'.txt", "javascript:alert(1)", "a\nb.txt",
         "evil\u202egpj.exe", "%41?#.txt", "ünï קובץ.txt")  # fmt: skip
# The contrasts of text and background, by the formulas of WCAG 2.
CONTRASTS = """
() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const light = color => {
        canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(byte => {
            const part = byte / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = light(getComputedStyle(document.body).backgroundColor);
    return ['h1', 'h1 a', 'td a', 'td a i', 'time', 'p'].map(selector => {
        const front = light(getComputedStyle(document.querySelector(selector)).color);
        return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    });
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "down" / ("y" * 90)
    inner.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (inner / name).write_text(f"content {number}")
    (inner / "further").mkdir()
    return tmp_path


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_the_screen_and_is_readable(
    folder: Path, browser: Any, device: dict[str, Any], scheme: str
) -> None:
    with run_server(folder) as server:
        page = browser.new_context(color_scheme=scheme, **device).new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("dialog", lambda dialog: messages.append("a name ran as a script"))
        page.goto(f"{server.url}down/{'y' * 90}/")
        assert page.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]
        assert page.evaluate("document.querySelectorAll('tbody tr').length") == len(NAMES) + 1
        assert min(page.evaluate(CONTRASTS)) >= 4.5
        dark = (
            page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        )
        assert dark is (scheme == "dark")
        heights = page.evaluate("[...document.querySelectorAll('tr')].map(r => r.offsetHeight)")
        assert min(heights[1:]) >= 38  # pixels; large enough to tap
        # Only the missing favicon is reported; the inline style must not be blocked.
        assert [line for line in messages if "favicon" not in line] == []


def test_files_can_be_tapped(folder: Path, browser: Any) -> None:
    texts = [".exe=text/plain", ".gz=text/plain", "javascript:alert(1)=text/plain"]
    options = [word for text in texts for word in ("--media-types", text)]
    with run_server(folder, "--prefix", "/a/b", *options) as server:
        page = browser.new_context(**PHONE).new_page()
        page.goto(server.url)
        page.get_by_role("link", name="down").tap()
        page.get_by_role("link", name="yyy").tap()
        page.wait_for_url(re.compile("/a/b/down/y+/$"))
        seen = set()
        for number in range(1, len(NAMES) + 1):  # the first row is a folder
            row = page.locator("tbody tr").nth(number)
            row.scroll_into_view_if_needed()
            # The whole row is a link, not only the text.
            box = row.bounding_box()
            page.touchscreen.tap(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
            page.wait_for_url(re.compile("/y+/.+"))
            seen.add(page.inner_text("body"))
            page.go_back()
            page.wait_for_url(re.compile("/y+/$"))
        assert seen == {f"content {number}" for number in range(len(NAMES))}
        page.get_by_role("link", name="/a/b").tap()
        page.wait_for_url(server.url)
