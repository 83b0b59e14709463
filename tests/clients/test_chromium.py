"""A video element in headless Chromium that seeks: it must ask for ranges, and get them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import age
from tests.serving import served

chromium = shutil.which("chromium")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(
    not (chromium and shutil.which("ffmpeg")), reason="chromium or ffmpeg is not installed"
)

SECONDS = 60
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
    """A minute of noise, too large for a browser to load whole before it seeks."""
    path = tmp_path / "film.webm"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i",
         f"nullsrc=s=320x240:r=5:d={SECONDS},geq=random(1)*255:128:128", "-c:v", "libvpx",
         "-deadline", "realtime", "-cpu-used", "8", "-b:v", "8M", "-minrate", "8M", "-g", "5",
         "-y", str(path)],
        check=True, timeout=300,
    )  # fmt: skip
    assert path.stat().st_size > 5_000_000
    age(path)
    (tmp_path / "index.html").write_text(PAGE)
    return path


def test_a_video_seeks(film: Path) -> None:
    with served(film.parent) as server, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update",
                  "--disable-sync"],
        )  # fmt: skip
        page = browser.new_page()
        # A network of 1 MB/s: on loopback the film is there before anybody can seek.
        page.context.new_cdp_session(page).send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 5, "downloadThroughput": 1e6, "uploadThroughput": 1e6},
        )
        page.goto(server.url)
        duration, position, ready = page.evaluate(SEEK, SECONDS - 5)
        browser.close()
        _, log = server.stop()
    assert duration == pytest.approx(SECONDS, abs=1)
    assert position == SECONDS - 5
    assert ready >= 2  # HAVE_CURRENT_DATA: a picture is there
    starts = [int(start) for start in re.findall(r"GET /film.webm 206 \d+ bytes=(\d+)-", log)]
    assert max(starts) > film.stat().st_size / 2, log
