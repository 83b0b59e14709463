"""What tests need from the platform."""

from __future__ import annotations

import sys

import pytest

byte_names = pytest.mark.skipif(
    sys.platform in ("emscripten", "win32"), reason="file names are Unicode, not bytes"
)
