"""``offload`` of ``FileApp`` and ``serve_file``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, make_environ
from tests.conftest import age
from wsgistatic import FileApp, serve_file

HEADER = "X-Accel-Redirect"


@pytest.mark.parametrize("end", ["", "/"])
def test_file_below_the_directory(site: Path, end: str) -> None:
    path = site / "sub/a b.html"
    path.write_text("content")
    age(path)
    (site / "sub/a b.html.gz").write_bytes(b"coded")
    app = FileApp(path, offload=(HEADER, "/protected" + end, f"{site}{end}"), encodings=["gzip"])
    response = call(app, "/any", HTTP_ACCEPT_ENCODING="gzip")
    assert (response.status, response.body) == (200, b"")
    assert response.headers[HEADER] == "/protected/sub/a%20b.html"
    assert "Content-Encoding" not in response.headers
    for method, fields in (("HEAD", {}), ("GET", {"HTTP_IF_NONE_MATCH": "*"})):
        assert HEADER not in call(app, "/any", method, **fields).headers


def test_serve_file(site: Path) -> None:
    environ = make_environ("/any")
    served = serve_file(environ, site / "hello.txt", offload=(HEADER, "/x/", site))
    assert dict(served.headers)[HEADER] == "/x/hello.txt"
    served = serve_file(environ, site / "none.txt", offload=(HEADER, "/x/", site))
    assert served.status == "404 Not Found"


def test_other_sources_are_sent_by_the_app(site: Path) -> None:
    option = (HEADER, "/protected/", str(site / "sub"))
    (site / "sub-other.txt").write_text("other")
    with (site / "sub/page.html").open("rb") as file:
        sources: list[Any] = [
            site / "hello.txt", site / "sub-other.txt", f"{site}/sub/../hello.txt",
            b"bytes", io.BytesIO(b"stream"), file,
        ]  # fmt: skip
        for source in sources:
            response = call(FileApp(source, offload=option), "/any")
            assert response.status == 200
            assert response.body
            assert HEADER not in response.headers


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("X-Sendfile", TypeError, "offload must be a header field, .* or None, not 'X-Sendfile'"),
        ((HEADER, "/a/"), TypeError, "offload must be a header field, .* or None, not "),
        ((HEADER, "/a/", 5), TypeError, "offload must be a path, not 5"),
        ((HEADER, "a", "/srv"), ValueError, r"offload must be .* not \('X-Accel-Redirect', 'a'\)"),
        (("X-Other", "/a", "/srv"), ValueError, r"offload must be .* not \('X-Other', '/a'\)"),
    ],
)
def test_wrong_values(site: Path, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FileApp(site / "hello.txt", offload=value)
