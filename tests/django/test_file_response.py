"""``file_response``: a private file from a view."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db.models.fields.files import FieldFile, FileField
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from django.urls import path as route

from tests.conftest import age
from tests.django.conftest import Configure
from tests.django.test_middleware import BIG, BOTH, Ask
from wsgistatic.django import file_response

PRIVATE: dict[str, Any] = {}  # what the views serve


def view(request: HttpRequest) -> Any:
    return file_response(request, **PRIVATE)


async def async_view(request: HttpRequest) -> Any:
    return await asyncio.to_thread(file_response, request, **PRIVATE)


urlpatterns = [route("view", view), route("async-view", async_view)]
VIEWS = pytest.mark.parametrize("url", ["/view", "/async-view"])


@pytest.fixture
def big(tmp_path: Path, configure: Configure) -> Path:
    path = tmp_path / "big.bin"
    path.write_bytes(BIG)
    age(path)
    configure(ROOT_URLCONF=__name__, MIDDLEWARE=[], DEBUG=False)
    PRIVATE.clear()
    PRIVATE["source"] = path
    return path


@BOTH
@VIEWS
def test_responses(big: Path, ask: Ask, url: str) -> None:
    whole = ask(url)
    assert (whole.status, whole.body) == ("200 OK", BIG)
    assert whole.headers["Cache-Control"] == "private, no-cache"
    assert ask(url, Range="bytes=5-700000").body == BIG[5:700001]
    assert ask(url, If_None_Match=whole.headers["ETag"]).status == "304 Not Modified"
    assert ask(url, "HEAD").headers["Content-Length"] == str(len(BIG))
    assert ask(url, "POST").status == "405 Method Not Allowed"


@BOTH
@VIEWS
def test_options(big: Path, ask: Ask, url: str) -> None:
    PRIVATE.update(
        source=b"content", download_name="é.txt", cache_control="no-store", file_wrapper=True
    )
    content = ask(url)
    assert (content.body, content.headers["Cache-Control"]) == (b"content", "no-store")
    assert content.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert content.headers["Content-Disposition"].startswith("attachment")
    PRIVATE.update(source=big, offload=("X-Accel-Redirect", "/protected/", big.parent))
    assert ask(url).headers["X-Accel-Redirect"] == "/protected/big.bin"


@BOTH
@VIEWS
def test_gzip_middleware_leaves_parts_alone(
    big: Path, configure: Configure, ask: Ask, url: str
) -> None:
    configure(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"])
    for stop in (999, 700_000):
        part = ask(url, Accept_Encoding="gzip", Range=f"bytes=0-{stop}")
        assert (part.status, part.body) == ("206 Partial Content", BIG[: stop + 1])
        assert "Content-Encoding" not in part.headers


@BOTH
@VIEWS
def test_missing_file_is_djangos_404(big: Path, ask: Ask, url: str) -> None:
    PRIVATE["source"] = big.parent / "none"
    missing = ask(url)
    assert missing.status == "404 Not Found"
    assert b"<h1>Not Found</h1>" in missing.body
    with pytest.raises(Http404):
        file_response(RequestFactory().get("/"), big.parent)


class RemoteStorage(Storage):
    """A storage that has no paths."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(BIG, name)


@pytest.mark.parametrize("storage", [FileSystemStorage, RemoteStorage])
def test_files_of_models(big: Path, storage: Any) -> None:
    where = {"location": big.parent} if storage is FileSystemStorage else {}
    file = FieldFile(None, FileField(storage=storage(**where)), "big.bin")  # type: ignore[arg-type]
    request = RequestFactory().get("/", headers={"Range": "bytes=0-5"})
    response: Any = file_response(request, file)
    assert (response.status_code, response.getvalue()) == (206, BIG[:6])
    is_offloaded = "X-Accel-Redirect" in file_response(
        RequestFactory().get("/"), file, offload=("X-Accel-Redirect", "/p/", big.parent)
    )
    assert is_offloaded == (storage is FileSystemStorage)
