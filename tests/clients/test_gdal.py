"""GDAL: a window of a large GeoTIFF, by /vsicurl."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.programs import run
from tests.clients.recording import Recorder, recorded
from tests.conftest import age

pytestmark = pytest.mark.clients

SIDE = 2048  # pixels of one byte


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    """Noise, in tiles of 128 by 128 pixels."""
    image = tmp_path / "noise.pgm"
    image.write_bytes(b"P5\n%d %d\n255\n" % (SIDE, SIDE) + os.urandom(SIDE * SIDE))
    tiff = tmp_path / "site" / "map.tif"
    tiff.parent.mkdir()
    tiles = ("-co", "TILED=YES", "-co", "BLOCKXSIZE=128", "-co", "BLOCKYSIZE=128")
    run("gdal_translate", "-q", *tiles, image, tiff)
    age(tiff)
    return tiff


def cut_window(server: Recorder, tiff: Path, folder: Path, **environment: str) -> None:
    """Take three by three tiles from the file and from the server; they must be equal."""
    window = ("-q", "-of", "PNM", "-srcwin", "900", "900", "300", "300")
    near, far = folder / "near.pgm", folder / "far.pgm"
    run("gdal_translate", *window, tiff, near)
    run("gdal_translate", *window, f"/vsicurl/{server.url}map.tif", far, **environment)
    assert far.read_bytes() == near.read_bytes()
    assert near.stat().st_size > 300 * 300


@pytest.mark.parametrize("listing", [False, True])
def test_a_window_by_single_ranges(tiff: Path, tmp_path: Path, listing: bool) -> None:
    with recorded(tiff.parent, listing=listing) as server:
        cut_window(server, tiff, tmp_path)
    size, head, *rows = server.asked("/map.tif")
    assert size == ("HEAD", 200, "")
    assert head == ("GET", 206, "0-16383")
    assert [row[:2] for row in rows] == [("GET", 206)] * 3
    # It looks for files beside the image in the folder's page, and asks for each without one.
    assert server.asked("/") == [("GET", 200 if listing else 404, "")]


def test_a_window_by_one_request(tiff: Path, tmp_path: Path) -> None:
    with recorded(tiff.parent) as server:
        cut_window(server, tiff, tmp_path, GDAL_HTTP_MULTIRANGE="SINGLE_GET")
    *_, rows = server.of("/map.tif")
    # Were Content-Type spelled in another way, a request for each row would follow.
    assert (rows.status, rows.is_multipart) == (206, True)
    assert rows.range.count(",") == 2
    assert len(server.of("/map.tif")) == 3
    assert rows.length < 10 * 128 * 128
