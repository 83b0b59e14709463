"""Sidecars: compressed copies beside a file, which the server sends instead of it."""

from __future__ import annotations

from wsgistatic.compress.compressor import (
    Action,
    Compressor,
    Result,
    Sidecar,
    compress_directory,
)

__all__ = ["Action", "Compressor", "Result", "Sidecar", "compress_directory"]
