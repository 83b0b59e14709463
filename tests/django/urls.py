"""No views: the tests in this process need none."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
