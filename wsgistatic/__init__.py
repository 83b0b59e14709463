"""Static files for WSGI: all of RFC 9110's validators, preconditions and ranges.

``from wsgistatic import StaticFiles; application = StaticFiles(application, "static", "/static/")``
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgistatic.files.body import BlockIterator, MultipartIterator
    from wsgistatic.http.conditional import Preconditions, Validators, evaluate_preconditions
    from wsgistatic.http.ranges import (
        Multipart,
        RangePlan,
        content_range,
        get_ranges,
        merge_ranges,
        plan_ranges,
        unsatisfied_range,
    )
    from wsgistatic.representations.headers import CROSS_ORIGIN_ISOLATION, untrusted_uploads
    from wsgistatic.wsgi.events import AnswerEvent
    from wsgistatic.wsgi.file_app import FileApp, serve_file
    from wsgistatic.wsgi.middleware import StaticFiles
    from wsgistatic.wsgi.trace import Reason

__version__ = "0.1.0"

__all__ = [
    "CROSS_ORIGIN_ISOLATION", "AnswerEvent", "BlockIterator", "FileApp", "Multipart",
    "MultipartIterator", "Preconditions", "RangePlan", "Reason", "StaticFiles", "Validators",
    "content_range", "evaluate_preconditions", "get_ranges", "merge_ranges", "plan_ranges",
    "serve_file", "unsatisfied_range", "untrusted_uploads",
]  # fmt: skip

# Names are loaded on first use: importing the range helpers pulls in neither the middleware nor
# WebOb.
_NAMES = {
    "files.body": "BlockIterator MultipartIterator",
    "http.conditional": "Preconditions Validators evaluate_preconditions",
    "http.ranges": "Multipart RangePlan content_range get_ranges merge_ranges plan_ranges "
    "unsatisfied_range",
    "representations.headers": "CROSS_ORIGIN_ISOLATION untrusted_uploads",
    "wsgi.events": "AnswerEvent",
    "wsgi.file_app": "FileApp serve_file",
    "wsgi.middleware": "StaticFiles",
    "wsgi.trace": "Reason",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
