"""The output of ``vite build --manifest`` for a React app, with shortened files.

Vite wrote these names. A plugin for progressive web apps adds ``sw.js`` and the webmanifest.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import age

PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
    <link rel="manifest" href="/manifest.webmanifest">
    <title>front</title>
    <script type="module" crossorigin src="/assets/index-GpEN3EET.js"></script>
    <link rel="stylesheet" crossorigin href="/assets/index-D64VDMd1.css">
  </head>
  <body>
    <div id="root"></div>
  </body>
</html>
"""
_MANIFEST = {
    "index.html": {
        "file": "assets/index-GpEN3EET.js",
        "name": "index",
        "src": "index.html",
        "isEntry": True,
        "css": ["assets/index-D64VDMd1.css"],
        "assets": ["assets/react-CHdo91hT.svg", "assets/hero-CLDdwZDr.png"],
    },
}
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 46"><path d="M0 0h48v46H0z"/></svg>\n'
)
BUILD = {
    "index.html": PAGE,
    ".vite/manifest.json": json.dumps(_MANIFEST, indent=2),
    "assets/index-GpEN3EET.js": 'import("./about-B5Qt9EMX.js");\n' + "render();" * 500,
    "assets/index-D64VDMd1.css": "#root{background:url(/assets/hero-CLDdwZDr.png)}" * 20,
    "assets/about-B5Qt9EMX.js": 'export const about = "about";\n',
    "assets/hero-CLDdwZDr.png": "\x89PNG",
    "assets/react-CHdo91hT.svg": _SVG,
    "favicon.svg": _SVG,
    "manifest.webmanifest": '{"name": "front", "start_url": "/", "display": "standalone"}',
    "sw.js": 'self.addEventListener("install", () => self.skipWaiting());\n',
}
MEDIA_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "assets/index-GpEN3EET.js": "text/javascript; charset=utf-8",
    "assets/index-D64VDMd1.css": "text/css; charset=utf-8",
    "assets/about-B5Qt9EMX.js": "text/javascript; charset=utf-8",
    "assets/hero-CLDdwZDr.png": "image/png",
    "assets/react-CHdo91hT.svg": "image/svg+xml",
    "favicon.svg": "image/svg+xml",
    "manifest.webmanifest": "application/manifest+json",
    "sw.js": "text/javascript; charset=utf-8",
}
# What a module script of the previous build requests after a release.
DEAD_CHUNK = "/assets/about-Kx7Rw2Qz.js"
# The fields that Chromium sends over HTTPS and to localhost, for a page, a module and a fetch().
PAGE_LOAD = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}
MODULE = {"Accept": "*/*", "Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "cors"}
FETCH = {"Accept": "*/*", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
# Over plain HTTP there is only Accept.
PLAIN_PAGE_LOAD = {"Accept": PAGE_LOAD["Accept"]}


def write_build(directory: Path) -> Path:
    """Write the build into a new directory ``dist``; return its path."""
    for name, content in BUILD.items():
        path = directory / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1"))
        age(path)
    return directory / "dist"
