"""What is tried, and what is not."""

from __future__ import annotations

import pytest

from wsgistatic.http import media_types as compressible
from wsgistatic.http.media_types import _BY_TYPE, MediaTypes, why_not_compressed


@pytest.mark.parametrize(
    "name",
    [
        "a.html", "a.CSS", "a.js", "a.mjs", "a.json", "a.map", "a.webmanifest", "a.xml", "a.txt",
        "a.svg", "a.bmp", "a.ico", "a.wasm", "a.ttf", "a.otf", "a.eot", "a.glb", "a.gltf", "a.csv",
        "a.m3u8", "a.m3u", "a.mpd", "a.mid", "a.geojson", "a.tar", "a.unknown", "LICENSE", "README",
        "gz", "br", ".well-known",
    ],
)  # fmt: skip
def test_is_tried(name: str) -> None:
    assert why_not_compressed(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "compressed by nature") for name in (
            "a.png", "a.JPG", "a.gif", "a.webp", "a.avif", "a.mp4", "a.webm", "a.mp3", "a.ogg",
            "a.woff", "a.woff2", "a.zip", "a.jar", "a.whl", "a.7z", "a.pdf", "a.docx", "a.epub",
            "a.css.gz", "a.css.br", "a.css.zst", "a.tar.gz", "a.tgz", "a.svgz", "a.bz2", "a.xz",
        )),
        *((name, "read in ranges") for name in (
            "a.parquet", "a.pmtiles", "a.sqlite", "a.iso", "a.h5",
        )),
    ],
)  # fmt: skip
def test_is_not_tried(name: str, reason: str) -> None:
    assert why_not_compressed(name) == reason


def test_every_type_of_the_table_is_that_of_some_file() -> None:
    plain = {name for _, names in compressible._MAIN_TYPES.values() for name in names}
    assert plain | set(compressible._TYPES) <= set(_BY_TYPE)
    assert MediaTypes(charset=None).content_type("a.woff2") in compressible._TYPES
