"""A download name: what it adds to the option ``headers``."""

from __future__ import annotations

from typing import Literal
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.checks import check_choice
from wsgistatic.content_disposition import content_disposition
from wsgistatic.custom_headers import CustomHeaders

Disposition = Literal["attachment", "inline"]


def check_download_name(name: object, disposition: object) -> None:
    """Raise TypeError or ValueError unless these are a name, or None, and a disposition."""
    check_choice("disposition", disposition, ("attachment", "inline"))
    if name is not None and not isinstance(name, str):
        raise TypeError(f"download_name must be a file name or None, not {name!r}")
    if name == "":
        raise ValueError("download_name must be a file name or None, not ''")


def named_headers(
    headers: CustomHeaders, name: str, disposition: Disposition, content_type: str
) -> CustomHeaders:
    """Give a value of ``headers`` that says the name and its media type; what is set there wins.

    Arguments:
        headers: the checked option.
        name: offered to the user.
        disposition: ``"attachment"`` to save it, ``"inline"`` to show it.
        content_type: by the name.
    """
    fields = {
        "content-type": content_type,
        "content-disposition": content_disposition(disposition, name),
    }
    if callable(headers):
        function = headers

        def set_headers(mapping: HeaderMapping, path: str, url: str) -> None:
            for field, value in fields.items():
                mapping[field.title()] = value
            function(mapping, path, url)

        return set_headers
    given = dict(headers or {})
    for field, value in fields.items():
        if field not in map(str.lower, given):
            given[field.title()] = value
    return given
