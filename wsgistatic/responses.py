"""What is said of a representation: status and header fields of 200, 206, 304, 412 and 416."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgistatic.answers import EMPTY, Answer, header
from wsgistatic.digests import repr_digest, wants_sha256
from wsgistatic.plan import RangePlan, plan_ranges
from wsgistatic.preconditions import Preconditions, evaluate_preconditions
from wsgistatic.representation import Headers, Representation

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_STATUS = {200: "200 OK", 206: "206 Partial Content", 416: "416 Range Not Satisfiable"}


def conditional_answer(environ: WSGIEnvironment, representation: Representation) -> Answer | None:
    """Give the answer that the preconditions lead to: 412, 304, or None to go on (13.2.2)."""
    if not (
        "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
        or "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
    ):
        return None
    preconditions = Preconditions(
        header(environ, "HTTP_IF_MATCH"),
        header(environ, "HTTP_IF_UNMODIFIED_SINCE"),
        header(environ, "HTTP_IF_NONE_MATCH"),
        header(environ, "HTTP_IF_MODIFIED_SINCE"),
    )
    verdict = evaluate_preconditions(preconditions, representation.validators, time.time())
    path, coding = representation.path, representation.coding
    if verdict == 304:
        # An iterator without a length, or wsgiref adds Content-Length: 0.
        nothing = iter((b"",))
        headers = list(representation.not_modified_headers)
        return Answer("304 Not Modified", headers, nothing, path, coding)
    if verdict == 412:
        headers = [*EMPTY, *representation.refusal_headers]
        return Answer("412 Precondition Failed", headers, [b""], path, coding)
    return None


def whole_answer(environ: WSGIEnvironment, representation: Representation) -> Answer:
    """Give the answer to HEAD: that to GET without a Range, without a body (9.3.2)."""
    headers = list(representation.full_headers)
    if representation.digest is not None:
        headers += _digest(environ, representation.digest)
    return Answer("200 OK", headers, [b""], representation.path, representation.coding)


def plan_answer(
    environ: WSGIEnvironment, representation: Representation, max_ranges: int
) -> RangePlan:
    """Decide by Range and If-Range what of a representation a GET gets (14.2, 13.1.5)."""
    return plan_ranges(
        header(environ, "HTTP_RANGE"),
        header(environ, "HTTP_IF_RANGE"),
        representation.validators,
        representation.size,
        now=time.time(),
        content_type=representation.content_type,
        max_ranges=max_ranges,
    )


def ranged_answer(
    environ: WSGIEnvironment,
    plan: RangePlan,
    representation: Representation,
    body: Iterable[bytes],
) -> Answer:
    """Give the answer to GET: 200, 206 or 416, as planned."""
    headers = _headers(plan, representation)
    if representation.digest is not None and plan.status != 416:
        headers += _digest(environ, representation.digest)
    return Answer(
        _STATUS[plan.status],
        headers,
        body,
        representation.path,
        representation.coding,
        plan.ranges if plan.status == 206 else (),
    )


def _headers(plan: RangePlan, representation: Representation) -> Headers:
    if plan.status == 200:
        return list(representation.full_headers)
    # 15.3.7.2: no Content-Range in the header section of a multipart answer.
    about_range = [("Content-Range", plan.content_range)] if plan.content_range else []
    if plan.status == 416:
        return [*about_range, *EMPTY, *representation.refusal_headers]
    media_type = (
        representation.content_type if plan.multipart is None else plan.multipart.content_type
    )
    return [
        ("Content-Type", media_type),
        ("Content-Length", str(plan.content_length)),
        *about_range,
        *representation.partial_headers,
    ]


def _digest(environ: WSGIEnvironment, sha256: bytes) -> Headers:
    # RFC 9530 3: of the whole selected representation, in a 206 as well.
    wanted = wants_sha256(header(environ, "HTTP_WANT_REPR_DIGEST"))
    return [("Repr-Digest", repr_digest(sha256))] if wanted else []
