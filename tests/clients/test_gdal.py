"""GDAL reads a window of a large GeoTIFF with /vsicurl."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.programs import run
from tests.clients.recording import Recorder, run_recorded_server
from tests.conftest import age

pytestmark = pytest.mark.clients

SIDE = 2048  # pixels of one byte


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    """Create an image of noise, in tiles of 128 by 128 pixels."""
    image = tmp_path / "noise.pgm"
    image.write_bytes(b"P5\n%d %d\n255\n" % (SIDE, SIDE) + os.urandom(SIDE * SIDE))
    tiff = tmp_path / "site" / "map.tif"
    tiff.parent.mkdir()
    tiles = ("-co", "TILED=YES", "-co", "BLOCKXSIZE=128", "-co", "BLOCKYSIZE=128")
    run("gdal_translate", "-q", *tiles, image, tiff)
    age(tiff)
    return tiff


def cut_window(server: Recorder, tiff: Path, folder: Path, **environment: str) -> None:
    """Read a window of three by three tiles from the file and from the server, and compare."""
    window = ("-q", "-of", "PNM", "-srcwin", "900", "900", "300", "300")
    near, far = folder / "near.pgm", folder / "far.pgm"
    run("gdal_translate", *window, tiff, near)
    run("gdal_translate", *window, f"/vsicurl/{server.url}map.tif", far, **environment)
    assert far.read_bytes() == near.read_bytes()
    assert near.stat().st_size > 300 * 300


@pytest.mark.parametrize("listing", [False, True])
def test_window_with_single_ranges(tiff: Path, tmp_path: Path, listing: bool) -> None:
    with run_recorded_server(tiff.parent, listing=listing) as server:
        cut_window(server, tiff, tmp_path)
    size, head, *rows = server.requests_for("/map.tif")
    assert size == ("HEAD", 200, "")
    assert head == ("GET", 206, "0-16383")
    assert [row[:2] for row in rows] == [("GET", 206)] * 3
    # GDAL looks for accompanying files in the listing, or requests each if there is none.
    assert server.requests_for("/") == [("GET", 200 if listing else 404, "")]


def test_window_with_several_ranges(tiff: Path, tmp_path: Path) -> None:
    with run_recorded_server(tiff.parent) as server:
        cut_window(server, tiff, tmp_path, GDAL_HTTP_MULTIRANGE="SINGLE_GET")
    *_, rows = server.exchanges_for("/map.tif")
    # GDAL sends a request for each row if the field name is not spelled "Content-Type".
    assert (rows.status, rows.is_multipart) == (206, True)
    assert rows.range.count(",") == 2
    assert len(server.exchanges_for("/map.tif")) == 3
    assert rows.length < 10 * 128 * 128
