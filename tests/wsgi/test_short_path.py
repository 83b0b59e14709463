"""The short path of ``StaticFiles`` and the complete one give the same responses."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import call_raw, make_environ
from tests.properties import examples
from wsgistatic import StaticFiles
from wsgistatic.wsgi.request import Request

pytestmark = pytest.mark.memory_cache

OLD = 1_700_000_000
SIZES = {"/static/empty.bin": 0, "/static/small.txt": 1000, "/static/large.bin": 300_000}
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
TAGS = {path: f'"{OLD * 10**9:x}-{size:x}"' for path, size in SIZES.items()}
CODED = {"/static/small.txt.gz": 500, "/static/small.txt.br": 400, "/static/large.bin.gz": 200_000}
CODED_TAGS = [f'"{OLD * 10**9:x}-1f4-gzip"', f'"{OLD * 10**9:x}-30d40-gzip"']


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("abbreviation")
    for path, size in (SIZES | CODED).items():
        file = folder / path.rpartition("/")[2]
        file.write_bytes((b"0123456789" * (size // 10 + 1))[:size])
        os.utime(file, (OLD, OLD))
    (folder / "index.html").write_text("index")
    time.sleep(0.03)
    return folder


PATHS = st.sampled_from([*SIZES, "/static/", "/static", "/static/nope", "/elsewhere"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "HTTP_IF_NONE_MATCH": st.sampled_from(
            [
                *TAGS.values(),
                *CODED_TAGS,
                "*",
                'W/"x"',
                '"x", ' + TAGS["/static/small.txt"],
                "",
                "garbage",
            ]
        ),
        "HTTP_IF_MODIFIED_SINCE": st.sampled_from(
            [DATE, "Tue, 14 Nov 2023 22:13:19 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT", "x"]
        ),
        "HTTP_IF_MATCH": st.sampled_from([*TAGS.values(), "*", '"x"', ""]),
        "HTTP_IF_UNMODIFIED_SINCE": st.sampled_from([DATE, "Tue, 14 Nov 2023 22:13:19 GMT"]),
        "HTTP_IF_RANGE": st.sampled_from([*TAGS.values(), *CODED_TAGS, DATE, "x"]),
        "HTTP_ACCEPT_ENCODING": st.sampled_from(
            ["gzip", "br, gzip", "gzip;q=0", "", "*", "identity;q=0", "gzip, x" * 20]
        ),
        "HTTP_RANGE": st.sampled_from(
            ["bytes=0-", "bytes=5-9", "bytes=-3", "bytes=0-0,5-5", "bytes=999999-", "x", ""]
        ),
    },
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "get"])


def comparable(app: StaticFiles, path: str, method: str, headers: dict[str, str]) -> Any:
    result = call_raw(app, make_environ(path, method, **headers))
    boundary = result.headers.get("Content-Type", "").partition("boundary=")[2]
    if boundary:  # it is random
        result.headers["Content-Type"] = "multipart"
        result.blocks[:] = [result.body.replace(boundary.encode(), b"boundary")]
    return result.status, result.headers, result.body


@pytest.mark.parametrize("stat_ttl", [0.0, 3600.0])
@settings(max_examples=examples(400))
@given(requests=st.lists(st.tuples(PATHS, METHODS, HEADERS), min_size=2, max_size=6))
def test_the_cache_never_changes_a_response(
    folder: Path, stat_ttl: float, requests: list[tuple[str, str, dict[str, str]]]
) -> None:
    warm = StaticFiles(None, folder, prefix="/static/", stat_ttl=stat_ttl)
    off = StaticFiles(None, folder, prefix="/static/", cache_size=0)
    for path, method, headers in requests:
        cold = StaticFiles(None, folder, prefix="/static/", stat_ttl=stat_ttl)
        expected = comparable(off, path, method, headers)
        assert comparable(cold, path, method, headers) == expected
        for _ in range(2):
            assert comparable(warm, path, method, headers) == expected


@settings(max_examples=examples(400))
@given(path=PATHS, method=METHODS, headers=HEADERS)
def test_the_short_path_and_the_complete_one_agree(
    folder: Path, path: str, method: str, headers: dict[str, str]
) -> None:
    app = StaticFiles(None, folder, prefix="/static/")
    for warm_up in SIZES:
        call_raw(app, make_environ(warm_up))
        call_raw(app, make_environ(warm_up, HTTP_ACCEPT_ENCODING="gzip"))
    short = comparable(app, path, method, headers)

    class WithoutShortPath(StaticFiles):
        """Passes every request below the prefix to the site."""

        def __call__(self, environ: Any, start_response: Any) -> Any:
            request, response = Request(environ), None
            if f"{request.path_info}/".startswith(self._below):
                response = self.site.respond(request)
            response = response or self.site.not_found(request)
            return response.start(request, start_response)

    app.__class__ = WithoutShortPath
    assert comparable(app, path, method, headers) == short
