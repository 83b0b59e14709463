"""Uploads: files of strangers, on the site's own origin.

Strategy: the policy of ``untrusted_uploads`` for what a browser runs in the name of the site,
HTML and XML (SVG is one), and for all that is to be saved; nosniff holds everything else to its
type. A PDF is left alone: Chrome's viewer shows none that is sandboxed (crbug.com/271452).
"""

from __future__ import annotations

from typing import Any
from wsgiref.headers import Headers

from wsgistatic.presets import untrusted_uploads

# What browsers make a document of; and all that ends in +xml (MIME Sniffing 4.6).
_ACTIVE = ("text/html", "text/xml", "text/xsl", "application/xml")


def with_upload_policy(options: dict[str, Any], *, attachment: bool) -> dict[str, Any]:
    """Give options of ``StaticFiles`` with the policy, where their own headers leave it open.

    Arguments:
        options: those of the settings.
        attachment: uploads are saved, not shown.
    """
    own, policy = options.get("headers"), untrusted_uploads(attachment=attachment)

    def headers(fields: Headers, path: str, url: str) -> None:
        if callable(own):
            own(fields, path, url)
        else:
            for name, value in (own or {}).items():
                fields[name] = value
        # After their own, which may have made it another type.
        if attachment or is_active(fields.get("Content-Type") or ""):
            careful = Headers([])
            policy(careful, path, url)
            for name, value in careful.items():
                fields.setdefault(name, value)

    return {**options, "headers": headers}


def is_active(content_type: str) -> bool:
    """Tell whether a browser runs what is in a document of a media type."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in _ACTIVE or media_type.endswith("+xml")
