"""Probes: validators, preconditions, HEAD (RFC 9110 8.8, 9.3.2, 13)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from benchmarks.features.bench import NAME, Bench, Feature, Partly, need, need_all, status_of
from benchmarks.scenarios import Reply, Unable

_BIG = b"x" * 300_000


def _etag(bench: Bench) -> None:
    tag = bench.start().headers.get("etag", "")
    need(tag, "sends none")
    if tag.startswith("W/"):
        raise Partly("a weak one")


def _tag_of(bench: Bench, setup: str = "") -> str:
    tag = bench.start(setup).headers.get("etag")
    need(tag, "sends no ETag")
    return str(tag)


def _none_match(bench: Bench) -> None:
    tag = _tag_of(bench)
    opaque = tag.removeprefix("W/")
    need_all(
        {
            "the tag": _is_not_modified(bench.ask(HTTP_IF_NONE_MATCH=tag)),
            "a list": _is_not_modified(bench.ask(HTTP_IF_NONE_MATCH=f'"x", {tag}')),
            "a weak tag": _is_not_modified(bench.ask(HTTP_IF_NONE_MATCH=f"W/{opaque}")),
            "*": _is_not_modified(bench.ask(HTTP_IF_NONE_MATCH="*")),
        }
    )


def _none_match_wins(bench: Bench) -> None:
    _tag_of(bench)
    date = bench.serve().headers["last-modified"]
    reply = bench.ask(HTTP_IF_NONE_MATCH='"other"', HTTP_IF_MODIFIED_SINCE=date)
    need(status_of(reply) == 200, "304 for another tag with the same date")


def _match(bench: Bench) -> None:
    tag = _tag_of(bench)
    need_all(
        {
            "412 for another tag": status_of(bench.ask(HTTP_IF_MATCH='"other"')) == 412,
            "412 for a later date": status_of(
                bench.ask(HTTP_IF_UNMODIFIED_SINCE="Sat, 01 Jan 2000 00:00:00 GMT")
            )
            == 412,
        }
    )
    need(status_of(bench.ask(HTTP_IF_MATCH=tag)) == 200, "no 200 for the same tag")


def _modified_since(bench: Bench) -> None:
    date = bench.start().headers.get("last-modified")
    need(date, "sends no Last-Modified")
    moment = parsedate_to_datetime(str(date))
    forms = {
        "IMF-fixdate": str(date),
        "RFC 850": moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        "asctime": moment.strftime("%a %b ") + f"{moment.day:2} " + moment.strftime("%X %Y"),
    }
    need_all(
        {
            name: _is_not_modified(bench.ask(HTTP_IF_MODIFIED_SINCE=form))
            for name, form in forms.items()
        }
    )


def _is_not_modified(reply: Reply) -> bool:
    return status_of(reply) == 304 and not reply.size


def _head(bench: Bench) -> None:
    whole = bench.start(content=_BIG)
    reply = bench.ask(NAME, "HEAD")
    need(status_of(reply) == 200, f"status {status_of(reply)}")
    need(reply.headers.get("content-length") == str(len(_BIG)), "no true length")
    need(reply.headers.get("etag") == whole.headers.get("etag"), "another ETag than GET")
    if reply.size:
        raise Partly("sends a body that the server must drop")


def _lengths(bench: Bench) -> None:
    bench.write("empty.css", b"")
    need_all(
        {
            "of a file": bench.start(content=_BIG).headers.get("content-length") == "300000",
            "of an empty file": bench.serve("empty.css", b"").headers.get("content-length") == "0",
        }
    )


def _frozen(bench: Bench) -> None:
    tag = _tag_of(bench, "frozen")
    bench.settle()
    bench.serve()
    bench.root.rename(bench.root.with_name("elsewhere"))
    need(status_of(bench.ask(HTTP_IF_NONE_MATCH=tag)) == 304, "looks at each request")


def _garbage(bench: Bench) -> None:
    bench.start()
    for field, value in (
        ("HTTP_IF_NONE_MATCH", '",,\x80W/"'),
        ("HTTP_IF_MODIFIED_SINCE", "Fri, 99 Feb 99999 99:99:99 GMT"),
        ("HTTP_IF_MODIFIED_SINCE", "\xb2\xb2 now"),
        ("HTTP_RANGE", "bytes=0-" + "9" * 5000),
        ("HTTP_RANGE", "bytes=\xb2-\xb3"),
        ("HTTP_ACCEPT_ENCODING", "gzip;q=;;,=\x80"),
    ):
        try:
            status = status_of(bench.ask(**{field: value}))
        except Exception as error:
            raise Unable(f"{type(error).__name__} for {field[5:].lower()}") from error
        need(status < 500, f"{status} for {field[5:].lower()}")


FEATURES = (
    Feature("etag", "strong ETag", _etag),
    Feature("none-match", "If-None-Match: tag, list, weak, *", _none_match),
    Feature("none-match-wins", "If-None-Match wins over the date", _none_match_wins),
    Feature("match", "If-Match, If-Unmodified-Since: 412", _match),
    Feature("modified-since", "If-Modified-Since, three date forms", _modified_since),
    Feature("head", "HEAD: exact length, no body", _head),
    Feature("length", "always a Content-Length", _lengths),
    Feature("frozen", "304 without checking the disk (option)", _frozen),
    Feature("garbage", "garbage in header fields raises nothing", _garbage),
)
