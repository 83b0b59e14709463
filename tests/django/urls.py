"""An empty URL configuration for the tests in this process."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
