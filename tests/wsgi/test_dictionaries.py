"""Responses with the option ``dictionaries`` (RFC 9842)."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call
from tests.conftest import OLD, settle
from tests.deltas import DIGITS, NEW_BUNDLE, OLD_BUNDLE, decode, offer, write
from tests.wsgi.test_system_calls import CallCounter
from wsgistatic import AnswerEvent, StaticFiles
from wsgistatic.__main__ import main
from wsgistatic.files.directory import File
from wsgistatic.http.dictionaries import DCZ_HEAD, DCZ_MAGIC

NAME = "app-9c1d55e7.js"
URL = f"/{NAME}"
DELTA = f"{NAME}.{DIGITS}.dcz"
MATCH = 'match="app-*.js"'
CODED = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compressed release, of which each test gets a copy: compression takes half a second."""
    folder = tmp_path_factory.mktemp("releases")
    old = write(folder / "old", {"app-3f2a44d1.js": OLD_BUNDLE})
    new = write(folder / "new", {NAME: NEW_BUNDLE, "page.html": b"<p>page</p>"})
    assert main(["compress", str(new), "--quiet", "--dictionaries-from", str(old)]) == 0
    return new


@pytest.fixture
def folder(release: Path, tmp_path: Path) -> Path:
    shutil.copytree(release.parent, tmp_path, dirs_exist_ok=True)
    settle()
    return tmp_path / "new"


@pytest.fixture
def app(folder: Path) -> StaticFiles:
    return StaticFiles(None, folder, dictionaries=True)


def get(app: StaticFiles, headers: dict[str, str], path: str = URL, **extra: Any) -> Response:
    return call(app, path, headers=headers, **extra)


def test_a_client_with_the_dictionary_gets_the_delta(app: StaticFiles, folder: Path) -> None:
    for _ in range(3):
        response = get(app, offer(OLD_BUNDLE))
        assert response.status == 200
        assert response.body == (folder / DELTA).read_bytes()
        assert response.body.startswith(DCZ_MAGIC + sha256(OLD_BUNDLE).digest())
        assert decode(response.body, OLD_BUNDLE) == NEW_BUNDLE
        assert response.headers["Content-Encoding"] == "dcz"
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert response.headers["Use-As-Dictionary"] == MATCH
        assert response.headers["Vary"] == "Accept-Encoding, Available-Dictionary"
        assert response.headers["Content-Length"] == str(len(response.body))
        assert get(app, CODED).headers["Content-Encoding"] in ("br", "zstd")
    head = call(app, URL, "HEAD", headers=offer(OLD_BUNDLE))
    assert (head.body, head.headers) == (b"", response.headers)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Available-Dictionary": offer(NEW_BUNDLE)["Available-Dictionary"]},
        {"Available-Dictionary": offer(b"unknown")["Available-Dictionary"]},
        {"Available-Dictionary": ":../../../../etc/passwd:"},
        {"Available-Dictionary": ", ".join([offer(OLD_BUNDLE)["Available-Dictionary"]] * 2)},
        {"Available-Dictionary": ""},
    ],
)
@pytest.mark.parametrize("accepted", ["gzip, br, zstd, dcb, dcz", "identity, dcz"])
def test_other_dictionaries_get_the_ordinary_response(
    app: StaticFiles, fields: dict[str, str], accepted: str
) -> None:
    expected = get(app, {"Accept-Encoding": accepted.replace(", dcz", "")})
    assert expected.headers["Vary"] == "Accept-Encoding, Available-Dictionary"
    assert expected.headers["Use-As-Dictionary"] == MATCH
    for _ in range(2):
        response = get(app, {"Accept-Encoding": accepted, **fields})
        assert response.headers == expected.headers
        assert response.body == expected.body
    assert get(app, offer(OLD_BUNDLE, f"{accepted}, dcz")).headers["Content-Encoding"] == "dcz"


@pytest.mark.parametrize("accepted", ["br, dcz;q=0", "br, *", "br, dcb"])
def test_dcz_must_be_accepted_by_name(app: StaticFiles, accepted: str) -> None:
    response = get(app, offer(OLD_BUNDLE, accepted))
    assert response.headers["Content-Encoding"] != "dcz"
    assert response.headers["Vary"] == "Accept-Encoding, Available-Dictionary"


@pytest.mark.parametrize(
    ("cache_size", "compress"), [(0, False), (4 * 1024 * 1024, False), (4 * 1024 * 1024, True)]
)
@pytest.mark.parametrize("etag", ["stat", "content"])
def test_every_coding_has_the_weak_form_of_one_tag(
    folder: Path, etag: Any, cache_size: int, *, compress: bool
) -> None:
    if compress:
        for suffix in (".gz", ".br", ".zst"):
            (folder / f"{NAME}{suffix}").unlink()
    app = StaticFiles(
        None, folder, dictionaries=True, etag=etag, cache_size=cache_size, compress=compress
    )
    own = get(app, {"Accept-Encoding": "identity"})
    tag = own.headers["ETag"]
    assert tag.startswith('"')
    clients = [CODED, {"Accept-Encoding": "gzip"}, offer(OLD_BUNDLE), offer(NEW_BUNDLE)]
    for fields in clients:
        coded = get(app, fields)
        assert "Content-Encoding" in coded.headers
        assert coded.headers["ETag"] == f"W/{tag}"
    # A client may hold any of them, and offer any dictionary when it asks again.
    for held in (tag, f"W/{tag}"):
        for fields in ({"Accept-Encoding": "identity"}, *clients):
            response = get(app, {**fields, "If-None-Match": held})
            assert response.status == 304
            assert response.headers["Use-As-Dictionary"] == MATCH
            assert response.headers["Vary"] == "Accept-Encoding, Available-Dictionary"
            assert response.headers["Cache-Control"] == "max-age=60"
            assert get(app, {**fields, "If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize("cache_size", [0, 4 * 1024 * 1024])
def test_ranges_are_always_of_the_file_itself(folder: Path, cache_size: int) -> None:
    app = StaticFiles(None, folder, dictionaries=True, cache_size=cache_size)
    first = get(app, {**CODED, "Range": "bytes=5-9"})
    assert (first.status, first.body) == (206, NEW_BUNDLE[5:10])
    tag = get(app, {"Accept-Encoding": "identity"}).headers["ETag"]
    for fields in (offer(OLD_BUNDLE), CODED):
        for _ in range(2):
            get(app, fields)
            response = get(app, {**fields, "Range": "bytes=5-9"})
            assert (response.status, response.body) == (206, NEW_BUNDLE[5:10])
            assert response.headers["ETag"] == tag
            assert "Content-Encoding" not in response.headers
            assert "Use-As-Dictionary" not in response.headers
            assert response.headers["Vary"] == "Accept-Encoding, Available-Dictionary"
        # If-Range with the tag of a coding joins nothing.
        joined = get(app, {**fields, "Range": "bytes=5-9", "If-Range": f"W/{tag}"})
        assert (joined.status, joined.body) == (200, NEW_BUNDLE)
        joined = get(app, {**fields, "Range": "bytes=5-9", "If-Range": tag})
        assert (joined.status, joined.body) == (206, NEW_BUNDLE[5:10])
        dated = get(app, fields).headers
        assert dated["Content-Encoding"]
        # All codings have one date, so it may be that of another one.
        date = {"Range": "bytes=5-9", "If-Range": dated["Last-Modified"]}
        joined = get(app, {**fields, **date})
        assert (joined.status, joined.body) == (200, NEW_BUNDLE)


def test_a_delta_that_is_older_than_its_file_is_not_sent(app: StaticFiles, folder: Path) -> None:
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] == "dcz"
    (folder / NAME).write_bytes(NEW_BUNDLE)
    settle()
    response = get(app, offer(OLD_BUNDLE))
    assert (response.headers.get("Content-Encoding"), response.body) == (None, NEW_BUNDLE)


@pytest.mark.parametrize(
    "content", [b"", b"text", DCZ_MAGIC + bytes(32) + b"x" * 90, DCZ_MAGIC + bytes.fromhex(DIGITS)]
)
def test_another_file_under_the_name_of_a_delta_is_not_sent(
    app: StaticFiles, folder: Path, content: bytes
) -> None:
    write(folder, {DELTA: content})
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] != "dcz"


# Of another size, and of the same.
@pytest.mark.change_times
@pytest.mark.parametrize("content", [NEW_BUNDLE + b"\n", NEW_BUNDLE.swapcase()])
@pytest.mark.parametrize("seconds", [-3600, 0])
@pytest.mark.parametrize("cache_size", [0, 1024 * 1024])
@pytest.mark.parametrize("etag", ["stat", "content"])
def test_the_delta_of_a_file_that_was_rolled_back_is_not_sent(
    folder: Path, content: bytes, seconds: int, cache_size: int, etag: Any
) -> None:
    app = StaticFiles(None, folder, dictionaries=True, cache_size=cache_size, etag=etag)
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] == "dcz"
    other = write(folder.parent, {"other.js": content}) / "other.js"
    os.utime(other, (OLD + seconds, OLD + seconds))
    for is_rewritten in (True, False):
        if is_rewritten:
            shutil.copy2(other, folder / NAME)
        else:
            other.replace(folder / NAME)
        for _ in range(2):
            response = get(app, offer(OLD_BUNDLE))
            assert (response.headers.get("Content-Encoding"), response.body) == (None, content)
        head = call(app, URL, "HEAD", headers=offer(OLD_BUNDLE))
        assert head.headers["Content-Length"] == str(len(content))
        settle()


@pytest.mark.change_times
def test_a_file_that_is_restored_gets_its_delta_again(app: StaticFiles, folder: Path) -> None:
    write(folder, {NAME: NEW_BUNDLE.swapcase()})
    assert get(app, offer(OLD_BUNDLE)).headers.get("Content-Encoding") is None
    write(folder, {NAME: NEW_BUNDLE})
    settle()
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] == "dcz"


@pytest.mark.change_times
@pytest.mark.parametrize("mtime", [0, 1, 499162500, OLD])
def test_the_delta_of_another_file_with_the_same_times_is_not_sent(
    folder: Path, mtime: int
) -> None:
    """Images, archives and reproducible builds give one time to all files."""
    for path in folder.iterdir():
        os.utime(path, (mtime, mtime))
    settle()
    app = StaticFiles(None, folder, dictionaries=True)
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] == "dcz"
    (folder / NAME).write_bytes(NEW_BUNDLE.swapcase())
    os.utime(folder / NAME, (mtime, mtime))
    response = get(app, offer(OLD_BUNDLE))
    assert (response.headers.get("Content-Encoding"), response.body) == (
        None,
        NEW_BUNDLE.swapcase(),
    )


@pytest.mark.parametrize(
    "copy", [shutil.copy, pytest.param(shutil.copy2, marks=pytest.mark.change_times)]
)
def test_copied_trees(folder: Path, tmp_path: Path, copy: Any) -> None:
    """Of a copy without times, the delta may be the older one: run the command again."""
    site = tmp_path / "site"
    for name in (DELTA, NAME):
        site.mkdir(exist_ok=True)
        copy(folder / name, site)
        settle()
    app = StaticFiles(None, site, dictionaries=True)
    is_sent = get(app, offer(OLD_BUNDLE)).headers.get("Content-Encoding") == "dcz"
    assert is_sent == (copy is shutil.copy2)
    assert main(["compress", str(site), "--quiet", "--dictionaries-from", f"{tmp_path}/old"]) == 0
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] == "dcz"
    # Another release is copied over it.
    other = write(tmp_path / "other", {NAME: NEW_BUNDLE.swapcase()})
    copy(other / NAME, site)
    response = get(app, offer(OLD_BUNDLE))
    assert response.headers.get("Content-Encoding") != "dcz"


def test_a_folder_and_a_link_out_are_not_sent(app: StaticFiles, folder: Path) -> None:
    content = (folder / DELTA).read_bytes()
    (folder / DELTA).unlink()
    (folder / DELTA).mkdir()
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] != "dcz"
    (folder / DELTA).rmdir()
    write(folder.parent, {"outside": content})
    (folder / DELTA).symlink_to(folder.parent / "outside")
    assert get(app, offer(OLD_BUNDLE)).headers["Content-Encoding"] != "dcz"


@pytest.mark.parametrize("call_of", ["open", "read"])
def test_a_delta_that_cannot_be_read_is_logged_and_skipped(
    app: StaticFiles,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call_of: str,
) -> None:
    real = File.open

    def fail(*arguments: object) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def open_file(file: File) -> Any:
        return fail() if file.path.endswith(".dcz") else real(file)

    if call_of == "open":
        monkeypatch.setattr(File, "open", open_file)
    else:
        monkeypatch.setattr("wsgistatic.representations.deltas.read_fully", fail)
    with caplog.at_level(logging.ERROR):
        response = get(app, offer(OLD_BUNDLE))
    assert response.status == 200
    assert response.headers["Content-Encoding"] != "dcz"
    assert DELTA in caplog.text


def test_the_option_is_off_by_default_and_concerns_scripts_only(folder: Path) -> None:
    response = get(StaticFiles(None, folder), offer(OLD_BUNDLE))
    assert response.headers["Content-Encoding"] != "dcz"
    assert "Use-As-Dictionary" not in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"
    page = get(StaticFiles(None, folder, dictionaries=True), offer(OLD_BUNDLE), "/page.html")
    assert "Use-As-Dictionary" not in page.headers
    assert "Vary" not in page.headers
    with pytest.raises(TypeError, match="dictionaries must be"):
        StaticFiles(None, folder, dictionaries=1)  # type: ignore[arg-type]


def test_the_pattern_holds_below_any_prefix(folder: Path) -> None:
    app = StaticFiles(None, folder, "/static", dictionaries=True)
    response = get(app, offer(OLD_BUNDLE), f"/static/{NAME}", SCRIPT_NAME="/app")
    assert response.headers["Use-As-Dictionary"] == MATCH


def test_a_stored_coding_is_no_dictionary(folder: Path) -> None:
    types = {".js": ("text/javascript", "gzip")}
    app = StaticFiles(None, folder, dictionaries=True, media_types=types)
    assert "Use-As-Dictionary" not in get(app, offer(OLD_BUNDLE)).headers


def test_offload_names_the_delta_only_if_all_its_fields_arrive(folder: Path) -> None:
    offload = ("X-Accel-Redirect", "/internal")
    app = StaticFiles(None, folder, dictionaries=True, offload=offload)
    assert "X-Accel-Redirect" not in get(app, offer(OLD_BUNDLE)).headers
    passed = ["Use-As-Dictionary", "Vary", "ETag", "Content-Encoding", "X-Content-Type-Options"]
    app = StaticFiles(None, folder, dictionaries=True, offload=offload, offload_headers=passed)
    assert get(app, offer(OLD_BUNDLE)).headers["X-Accel-Redirect"] == f"/internal/{DELTA}"
    app = StaticFiles(None, folder, dictionaries=True, offload=("X-Sendfile", "/srv/site"))
    response = get(app, offer(OLD_BUNDLE))
    assert "Content-Encoding" not in response.headers


def test_events_report_the_delta(folder: Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, folder, dictionaries=True, on_answer=events.append)
    size = len(get(app, offer(OLD_BUNDLE)).body)
    event = events[-1]
    assert (event.coding, event.path) == ("dcz", str(folder / DELTA))
    assert (event.status, event.bytes_planned) == (200, size)
    assert size > DCZ_HEAD


@pytest.mark.parametrize("cache_size", [0, 32 * 1024 * 1024])
@pytest.mark.parametrize(
    "fields", [CODED, {"If-None-Match": "*"}, {"Range": "bytes=0-9"}, offer(OLD_BUNDLE, "gzip")]
)
def test_requests_without_a_dictionary_cost_no_further_calls(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cache_size: int, fields: dict[str, str]
) -> None:
    counter = CallCounter(monkeypatch)

    def count(app: StaticFiles, fields: dict[str, str]) -> dict[str, int]:
        extra = {f"HTTP_{name.upper().replace('-', '_')}": fields[name] for name in fields}
        return counter.of(app, URL, **extra)

    apps = [
        StaticFiles(None, folder, dictionaries=on, cache_size=cache_size) for on in (False, True)
    ]
    for _ in range(3):
        without, with_dictionaries = (count(app, fields) for app in apps)
        assert sum(with_dictionaries.values()) <= sum(without.values())
    # Another dictionary costs one stat more than the same request without it.
    if cache_size and fields is CODED:
        unknown = offer(b"unknown")
        accepted = {"Accept-Encoding": unknown["Accept-Encoding"]}
        calls = [count(apps[1], one) for one in (accepted, unknown)]
        assert calls[1] == {**calls[0], "stat": calls[0].get("stat", 0) + 1}


def test_deltas_of_fingerprinted_urls(tmp_path: Path) -> None:
    old = write(tmp_path / "old", {"app.js": OLD_BUNDLE})
    new = write(tmp_path / "new", {"app.js": NEW_BUNDLE})
    assert main(["compress", str(new), "--quiet", "--dictionaries-from", str(old)]) == 0
    settle()
    app = StaticFiles(None, new, dictionaries=True)
    url = app.url("app.js")
    own = get(app, {"Accept-Encoding": "identity"}, url)
    assert own.headers["Use-As-Dictionary"] == 'match="app.*.js"'
    for fields in (offer(OLD_BUNDLE), CODED):
        coded = get(app, fields, url)
        assert coded.headers["Content-Encoding"] == ("br" if fields is CODED else "dcz")
        assert coded.headers["ETag"] == f"W/{own.headers['ETag']}"
        assert "immutable" in coded.headers["Cache-Control"]
        part = get(app, {**fields, "Range": "bytes=5-9"}, url)
        assert (part.status, part.body) == (206, NEW_BUNDLE[5:10])
        assert (
            get(app, {**offer(NEW_BUNDLE), "If-None-Match": own.headers["ETag"]}, url).status == 304
        )
