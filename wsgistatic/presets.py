"""Values for the option ``headers``: cross-origin isolation, and uploads of strangers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from wsgiref.headers import Headers

from wsgistatic.content_disposition import content_disposition

# What a page needs for SharedArrayBuffer and precise timers (WebAssembly threads), and its own
# subresources with it: HTML Standard, "cross-origin isolated".
CROSS_ORIGIN_ISOLATION: Mapping[str, str] = MappingProxyType(
    {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

# Opaque origin, no script, nothing loaded: what is left is a document to look at.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def untrusted_uploads(*, attachment: bool = False) -> Callable[[Headers, str, str], None]:
    """Give a ``headers`` function for a directory of uploads.

    Every file but a PDF gets a Content-Security-Policy that turns off what an HTML, SVG or XML
    file could do in the name of the site; browsers apply it to documents only, so images, sound
    and film are shown as ever. (In a sandbox browsers show no PDF; its scripts reach no site.)
    Leave ``nosniff`` on, and turn ``encodings`` off: beside one upload may lie another that looks
    like its sidecar.

    Arguments:
        attachment: download instead of showing.

    Raises:
        TypeError: attachment is not a bool.
    """
    if not isinstance(attachment, bool):
        raise TypeError(f"attachment must be True or False, not {attachment!r}")

    def set_headers(headers: Headers, path: str, url: str) -> None:
        if headers["Content-Type"] != "application/pdf":
            headers["Content-Security-Policy"] = _SANDBOX
        if attachment:
            headers["Content-Disposition"] = content_disposition(
                "attachment", os.path.basename(path)
            )

    return set_headers
