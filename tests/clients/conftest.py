"""Fixtures for the tests with real clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import find_program
from tests.conftest import age

SIZE = 3_000_000


@pytest.fixture
def content(site: Path) -> bytes:
    """Create ``big.bin`` with random bytes; return its content."""
    content = os.urandom(SIZE)
    (site / "big.bin").write_bytes(content)
    age(site / "big.bin")
    return content


def throttle(page: Any, rate: float) -> None:
    """Limit the download rate of Chromium.

    Args:
        page: the page.
        rate: bytes per second, or -1 for no limit.
    """
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": rate, "uploadThroughput": -1},
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, run by Playwright; each new context has an empty cache."""
    chromium = find_program("chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update",
                  "--disable-sync"],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page in a new context; a JavaScript error in the page fails the test."""
    errors: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.context.close()
    assert errors == []


@pytest.fixture(scope="session")
def pdfjs() -> Path:
    """The directory of the npm package pdfjs-dist."""
    folder = Path(__file__).parent / "node_modules" / "pdfjs-dist"
    if not folder.exists():
        pytest.skip("pdfjs-dist is not installed in tests/clients")
    return folder
