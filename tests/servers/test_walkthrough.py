"""Follow the page about ASGI, which needs servers of the server matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walkthrough import Walkthrough

pytestmark = pytest.mark.servers


def test_following_the_page_about_asgi(tmp_path: Path) -> None:
    pytest.importorskip("django")
    assert Walkthrough("howto/asgi.rst", tmp_path).follow() > 0
