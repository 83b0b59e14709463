"""Sidecars: compressed copies of files, which the server sends in place of the originals."""

from __future__ import annotations

from wsgistatic.compress.compressor import (
    Action,
    Compressor,
    Result,
    SidecarResult,
    compress_directory,
)

__all__ = ["Action", "Compressor", "Result", "SidecarResult", "compress_directory"]
