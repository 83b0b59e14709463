"""Static files for WSGI: all of RFC 9110's validators, preconditions and ranges.

``from wsgistatic import StaticFiles; application = StaticFiles(application, "static", "/static/")``
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgistatic.body import BlockIterator, MultipartIterator
    from wsgistatic.events import AnswerEvent
    from wsgistatic.fileapp import FileApp, serve_file
    from wsgistatic.middleware import StaticFiles
    from wsgistatic.multipart import Multipart
    from wsgistatic.plan import RangePlan, plan_ranges
    from wsgistatic.preconditions import Preconditions, Validators, evaluate_preconditions
    from wsgistatic.presets import CROSS_ORIGIN_ISOLATION, untrusted_uploads
    from wsgistatic.ranges import content_range, get_ranges, merge_ranges, unsatisfied_range

__version__ = "0.1.0"

__all__ = [
    "CROSS_ORIGIN_ISOLATION",
    "AnswerEvent",
    "BlockIterator",
    "FileApp",
    "Multipart",
    "MultipartIterator",
    "Preconditions",
    "RangePlan",
    "StaticFiles",
    "Validators",
    "content_range",
    "evaluate_preconditions",
    "get_ranges",
    "merge_ranges",
    "plan_ranges",
    "serve_file",
    "unsatisfied_range",
    "untrusted_uploads",
]

# Loaded at first use: who wants the range helpers gets neither the middleware nor WebOb.
_HOMES = {
    "CROSS_ORIGIN_ISOLATION": "presets",
    "AnswerEvent": "events",
    "BlockIterator": "body",
    "FileApp": "fileapp",
    "Multipart": "multipart",
    "MultipartIterator": "body",
    "Preconditions": "preconditions",
    "RangePlan": "plan",
    "StaticFiles": "middleware",
    "Validators": "preconditions",
    "content_range": "ranges",
    "evaluate_preconditions": "preconditions",
    "get_ranges": "ranges",
    "merge_ranges": "ranges",
    "plan_ranges": "plan",
    "serve_file": "fileapp",
    "unsatisfied_range": "ranges",
    "untrusted_uploads": "presets",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
