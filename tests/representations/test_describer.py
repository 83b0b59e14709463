"""From status to representation."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsgistatic.files.directory import Directory, OpenFile, Resource
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.representation import Describer, EtagMode
from wsgistatic.representations.sidecars import Selected, Selector


def describer(etag: Any = "stat") -> Describer:
    return Describer(MediaTypes(), HeaderPolicy("no-cache", True, None), etag)


def own(file: Resource) -> Selected:
    return Selector(()).select(file, file.stat(), None)


def test_headers_by_name_and_policy(site: Path) -> None:
    file = Directory(str(site)).resource(("sub", "page.html"))
    made = describer().describe(own(file), "/u")
    headers = dict(made.full_headers)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Length"] == "11"
    assert headers["Cache-Control"] == "no-cache"
    assert made.path == str(site / "sub" / "page.html")


@pytest.mark.parametrize(("etag", "has_tag"), [("stat", True), ("content", True), (None, False)])
def test_etag_modes(site: Path, etag: Any, has_tag: bool) -> None:
    file = Directory(str(site)).resource(("hello.txt",))
    made = describer(etag).describe(own(file), "/u")
    assert (made.validators.etag is not None) is has_tag
    assert ("ETag" in dict(made.full_headers)) is has_tag


def test_content_uses_the_file_that_is_open(site: Path, open_descriptors: None) -> None:
    file = Directory(str(site)).resource(("hello.txt",))

    def refuse() -> OpenFile:
        raise AssertionError("opened a second time")

    with file.open() as opened:
        once = Resource(file.path, file.stat, refuse, file.sidecar)
        from_open = describer("content").describe(own(once), "/u", opened)
    from_stat = describer("content").describe(own(file), "/u")
    assert from_open.validators.etag == from_stat.validators.etag


def test_fresh_files_are_not_settled(site: Path) -> None:
    (site / "new.txt").write_text("new")
    file = Directory(str(site)).resource(("new.txt",))
    made = describer().describe(own(file), "/u")
    if time.time_ns() - file.stat().st_mtime_ns < 20_000_000:  # else the machine was asleep
        assert not made.settled
        assert made.validators.etag is not None
        assert made.validators.etag.startswith("W/")


@pytest.mark.parametrize(("changed", "settled"), [("", True), ("own", False), ("other", False)])
def test_a_coding_is_settled_when_its_file_is_too(site: Path, changed: str, settled: bool) -> None:
    file = Directory(str(site)).resource(("hello.txt",))
    now = time.time_ns() + 60_000_000_000  # all that was written is old by then

    def status(name: str) -> Any:
        modified = now if name == changed else now - 30_000_000_000
        return SimpleNamespace(st_mtime_ns=modified, st_ctime_ns=modified, st_size=12)

    coded = own(file)._replace(
        source=file.sidecar(".gz"), coding="gzip", original_status=status("other")
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: now)
        made = describer().describe(coded._replace(status=status("own")), "/u")
    assert made.settled is settled


def test_no_cache_keeps_parts_of_what_the_next_version_may_look_like(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Directory(str(site)).resource(("hello.txt",))
    policy = HeaderPolicy("max-age=60", False, None, immutable=r"\.txt$")
    etags: tuple[EtagMode, ...] = ("stat", "content")
    for etag in etags:
        for age, cache_control in ((1, "no-cache"), (3, "public, max-age=31536000, immutable")):
            now = file.stat().st_mtime_ns + age * 1_000_000_000
            monkeypatch.setattr(time, "time_ns", lambda now=now: now)
            made = Describer(MediaTypes(), policy, etag).describe(own(file), "/a.txt")
            assert dict(made.partial_headers)["Cache-Control"] == cache_control
            for headers in (made.full_headers, made.not_modified_headers):
                assert "immutable" in dict(headers)["Cache-Control"]
                assert dict(headers)["ETag"].startswith("W/") is (age == 1)
