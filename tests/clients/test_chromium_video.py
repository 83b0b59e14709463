"""A video in headless Chromium seeks, which needs range requests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import throttle
from tests.clients.programs import run
from tests.conftest import age
from tests.server_process import run_server

pytestmark = pytest.mark.clients

SECONDS = 30
PAGE = "<!doctype html><title>video</title><video src=film.webm muted preload=metadata></video>"
SEEK = """
async (to) => {
    const video = document.querySelector('video');
    if (video.readyState < 1)
        await new Promise((done, failed) => {
            video.onloadedmetadata = done; video.onerror = () => failed(video.error.message);
        });
    const seeked = new Promise((done, failed) => {
        video.onseeked = done; video.onerror = () => failed(video.error.message);
    });
    video.currentTime = to;
    await seeked;
    return [video.duration, video.currentTime, video.readyState];
}
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Create a video of noise, too large to be loaded completely before the seek."""
    path = tmp_path / "film.webm"
    run("ffmpeg", "-loglevel", "error", "-f", "lavfi",
        "-i", f"color=gray:s=320x240:r=5:d={SECONDS},noise=alls=100:allf=t", "-c:v", "libvpx",
        "-deadline", "realtime", "-cpu-used", "8", "-b:v", "8M", "-minrate", "8M", "-g", "5",
        "-y", path)  # fmt: skip
    assert path.stat().st_size > 5_000_000
    age(path)
    (tmp_path / "index.html").write_text(PAGE)
    return path


def test_video_seeks(film: Path, page: Any) -> None:
    with run_server(film.parent) as server:
        throttle(page, 1e6)  # otherwise the whole video would be loaded before the seek
        # Seek before Chromium buffers the video, or it would wait for everything before that time.
        page.goto(server.url, wait_until="domcontentloaded")
        duration, position, ready = page.evaluate(SEEK, SECONDS - 5)
        page.close()
        _, log = server.stop()
    assert duration == pytest.approx(SECONDS, abs=1)
    assert position == SECONDS - 5
    assert ready >= 2  # HAVE_CURRENT_DATA: there is a picture
    starts = [int(start) for start in re.findall(r"GET /film.webm 206 \d+ bytes=(\d+)-", log)]
    size = film.stat().st_size
    # The index is in the last few KB; the seek itself requests data near that time.
    assert any(0.7 * size < start < 0.98 * size for start in starts), log
