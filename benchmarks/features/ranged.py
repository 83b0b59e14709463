"""Probes: ranges (RFC 9110 14)."""

from __future__ import annotations

from benchmarks.features.bench import TEXT, Bench, Feature, Partly, need, need_all, status_of
from benchmarks.scenarios import Reply

_SIZE = len(TEXT)


def _range(bench: Bench, value: str, **fields: str) -> Reply:
    bench.start()
    return bench.ask(HTTP_RANGE=f"bytes={value}", **fields)


def _need_part(reply: Reply, start: int, stop: int) -> None:
    need(status_of(reply) == 206, f"status {status_of(reply)}")
    need(reply.body == TEXT[start:stop], "other bytes than the range's")
    where = f"bytes {start}-{stop - 1}/{_SIZE}"
    need(reply.headers.get("content-range") == where, "wrong Content-Range")
    need(reply.headers.get("content-length") == str(stop - start), "no true length")


def _single(bench: Bench) -> None:
    _need_part(_range(bench, "100-199"), 100, 200)


def _suffix(bench: Bench) -> None:
    _need_part(_range(bench, "-100"), _SIZE - 100, _SIZE)


def _several(bench: Bench) -> None:
    reply = _range(bench, "0-99,1000-1099")
    need(status_of(reply) == 206, f"status {status_of(reply)}")
    media_type, _, boundary = reply.headers["content-type"].partition("boundary=")
    need(media_type.startswith("multipart/byteranges"), "one part for two ranges")
    parts = reply.body.split(b"--" + boundary.strip('"').encode())[1:-1]
    bodies = [part.partition(b"\r\n\r\n")[2] for part in parts]
    need(bodies == [TEXT[:100] + b"\r\n", TEXT[1000:1100] + b"\r\n"], "wrong parts")
    need(reply.headers.get("content-length") == str(reply.size), "no true length")


def _merged(bench: Bench) -> None:
    reply = _range(bench, ",".join(["0-"] * 150))
    need(reply.size < 2 * _SIZE, f"{reply.size // _SIZE} times the file")
    need(status_of(reply) in (200, 206, 416), f"status {status_of(reply)}")


def _unsatisfiable(bench: Bench) -> None:
    reply = _range(bench, f"{_SIZE}-")
    need(status_of(reply) == 416, f"status {status_of(reply)}")
    if reply.headers.get("content-range") != f"bytes */{_SIZE}":
        raise Partly("without the length in Content-Range")


def _if_range(bench: Bench) -> None:
    reply = bench.start()
    tag, date = reply.headers.get("etag"), reply.headers.get("last-modified", "")
    same = bench.ask(HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=tag or date)
    need(status_of(same) == 206, "no range for the same version")
    older = "Sat, 01 Jan 2000 00:00:00 GMT"
    later = "Thu, 01 Jan 2099 00:00:00 GMT"
    others = {"another tag": '"other"', "an older date": older, "a later date": later}
    need_all(
        {
            f"the whole file for {name}": status_of(
                bench.ask(HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=value)
            )
            == 200
            for name, value in others.items()
        }
    )


def _ignored_by_head(bench: Bench) -> None:
    bench.start()
    reply = bench.ask(method="HEAD", HTTP_RANGE="bytes=0-9")
    need(status_of(reply) == 200, f"status {status_of(reply)}")
    need(reply.headers.get("content-length") == str(_SIZE), "the length of the range")


def _malformed(bench: Bench) -> None:
    bench.start()
    # 14.2: an unknown unit is ignored, what is invalid may be refused as well.
    allowed = {
        "lines=0-9": (200,),
        "bytes=0-9x": (200, 400, 416),
        "bytes=9-0": (200, 400, 416),
        "bytes=": (200, 400, 416),
        "bytes 0-9": (200, 400, 416),
    }
    need_all(
        {
            f'"{value}"': status_of(bench.ask(HTTP_RANGE=value)) in statuses
            for value, statuses in allowed.items()
        }
    )


def _announced(bench: Bench) -> None:
    reply = bench.start()
    need(reply.headers.get("accept-ranges") == "bytes", "no Accept-Ranges")
    part = bench.ask(HTTP_RANGE="bytes=0-9")
    need(status_of(part) == 206, "announced, not done")


FEATURES = (
    Feature("range", "single range", _single),
    Feature("suffix", "suffix range (the last bytes)", _suffix),
    Feature("announced", "Accept-Ranges", _announced),
    Feature("ranges", "several ranges (multipart)", _several),
    Feature("merged", "never sends the whole file 150 times", _merged),
    Feature("416", "416 with the length", _unsatisfiable),
    Feature("malformed", "malformed Range gets no part", _malformed),
    Feature("if-range", "If-Range: tag, date", _if_range),
    Feature("head-range", "HEAD ignores Range", _ignored_by_head),
)
