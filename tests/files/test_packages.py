"""Directories of packages: in an archive, in several places, or known only to a loader."""

from __future__ import annotations

import errno
import importlib
import importlib.resources
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age, settle
from tests.source_kinds import Node, zip_of
from wsgistatic import AnswerEvent, FileApp, StaticFiles
from wsgistatic.files.packages import Archive, MemberReader, ZipMember
from wsgistatic.representations import cache as cache_module
from wsgistatic.representations import cached_file
from wsgistatic.representations.cached_file import Variant

BIG = bytes(range(256)) * 2000
MEMBERS = {
    "pkg/__init__.py": b"",
    "pkg/static/hello.txt": b"hello world\n",
    "pkg/static/empty.txt": b"",
    "pkg/static/big.bin": BIG,
    "pkg/static/sub/index.html": b"<p>index</p>",
    "pkg/static/.hidden": b"hidden",
    "pkg/static/d\xfcr/f\xf6r.txt": b"umlauts",
    "pkg/secret.txt": b"canary",
}
compressions = pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "site.zip", MEMBERS, zipfile.ZIP_DEFLATED)


@pytest.fixture
def static(archive: Path) -> Iterator[zipfile.Path]:
    with zipfile.ZipFile(archive) as opened:
        yield zipfile.Path(opened, "pkg/static/")


def only_variant(app: StaticFiles, path: str) -> Variant:
    """Return the cached variant of a file without codings."""
    variant = app._files[path].only
    assert variant is not None
    return variant


def inner(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app"]


def test_files_and_misses(static: zipfile.Path, open_descriptors: None) -> None:
    app = StaticFiles(inner, static, prefix="/static/")
    for _ in range(2):
        response = call(app, "/static/hello.txt")
        assert (response.status, response.body) == (200, b"hello world\n")
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert call(app, "/static/empty.txt").headers["Content-Length"] == "0"
        assert call(app, "/static/big.bin").body == BIG
        assert call(app, "/static/d\xc3\xbcr/f\xc3\xb6r.txt").body == b"umlauts"
    for path in (
        "/static", "/static/", "/static/nope", "/static/hello.txt/", "/static/hello.txt/x",
        "/static/.hidden", "/static/../secret.txt", "/static//hello.txt", "/static/./hello.txt",
        "/static/%2e%2e/secret.txt", "/static/..\\secret.txt", "/static/\0", "/static/sub/nope",
        "/static/pkg/static/hello.txt", "/other", "/static/\udc80",
    ):  # fmt: skip
        assert call_raw(app, make_environ(path)).body == b"the app", path


def test_directories_and_their_index(static: zipfile.Path) -> None:
    app = StaticFiles(None, static)
    moved = call(app, "/sub?a=b")
    assert (moved.status, moved.headers["Location"]) == (301, "sub/?a=b")
    assert call(app, "/sub/").body == b"<p>index</p>"
    assert call(app, "/").status == 404
    assert call(StaticFiles(None, static, prefix="/s/"), "/s").status == 404
    assert call(StaticFiles(None, static / "sub", prefix="/s/"), "/s").status == 301
    assert call(StaticFiles(None, static, index=None), "/sub/").status == 404
    assert call(StaticFiles(None, static, index=None), "/sub").status == 404


def test_root_of_an_archive(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        app = StaticFiles(None, zipfile.Path(opened), prefix="/z/")
        assert call(app, "/z/pkg/secret.txt").body == b"canary"
        assert call(app, "/z").status == 404
    zip_of(archive, {"index.html": b"index"}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(archive) as opened:
        app = StaticFiles(None, zipfile.Path(opened), prefix="/z/")
        assert call(app, "/z").headers["Location"] == "z/"


def test_other_methods(static: zipfile.Path) -> None:
    app = StaticFiles(None, static)
    assert call_raw(app, make_environ("/hello.txt", "POST")).status == 405
    assert call_raw(app, make_environ("/nope", "POST")).status == 404


@compressions
@pytest.mark.parametrize("name", ["hello.txt", "big.bin"])
@pytest.mark.parametrize("options", [{}, {"cache_size": 0}, {"etag": "content"}])
def test_validators_and_ranges_are_the_same_warm_and_cold(
    tmp_path: Path, compression: int, name: str, options: dict[str, Any]
) -> None:
    content = MEMBERS[f"pkg/static/{name}"]
    path = zip_of(tmp_path / "a.zip", MEMBERS, compression)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"), **options)
        fields = call(app, f"/{name}").headers
        tag, date = fields["ETag"], fields.get("Last-Modified")
        assert tag.startswith('"')
        assert (date is None) is (options == {"etag": "content"})
        for _ in range(3):
            assert call(app, f"/{name}").headers == fields
            assert call(app, f"/{name}", "HEAD").headers == fields
            assert call(app, f"/{name}", HTTP_IF_NONE_MATCH=tag).status == 304
            assert call(app, f"/{name}", HTTP_IF_NONE_MATCH=f'"x", {tag}').status == 304
            if date is not None:
                assert call(app, f"/{name}", HTTP_IF_MODIFIED_SINCE=date).status == 304
            assert call(app, f"/{name}", HTTP_IF_MATCH='"x"').status == 412
            for value in filter(None, (tag, date)):
                part = call(app, f"/{name}", HTTP_RANGE="bytes=3-5", HTTP_IF_RANGE=value)
                assert (part.status, part.body) == (206, content[3:6])
            whole = call(app, f"/{name}", HTTP_RANGE="bytes=3-5", HTTP_IF_RANGE='"x"')
            assert (whole.status, whole.body) == (200, content)
            several = call(app, f"/{name}", HTTP_RANGE="bytes=0-1,5-6")
            assert several.status == 206
            assert several.headers["Content-Type"].startswith("multipart/byteranges")
            assert call(app, f"/{name}", HTTP_RANGE="bytes=9999999-").status == 416


def test_entity_tag_does_not_depend_on_the_mtime_of_the_archive(archive: Path) -> None:
    tags = set()
    for seconds in (1_000_000_000, 1_100_000_000):
        os.utime(archive, (seconds, seconds))
        with zipfile.ZipFile(archive) as opened:
            tags.add(
                call(StaticFiles(None, zipfile.Path(opened)), "/pkg/secret.txt").headers["ETag"]
            )
    assert len(tags) == 1


@pytest.mark.memory_cache
def test_small_members_are_cached(static: zipfile.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle()
    app = StaticFiles(None, static)
    for path in ("/hello.txt", "/big.bin"):
        call(app, path)
    monkeypatch.setattr(static.root, "open", None)
    monkeypatch.setattr(static.root, "getinfo", None)
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=1-2").body == b"el"
    assert call(app, "/big.bin", "HEAD").headers["Content-Length"] == str(len(BIG))
    assert call(app, "/big.bin", HTTP_IF_NONE_MATCH="*").status == 304


def test_callables_of_options_get_the_path_of_the_member(static: zipfile.Path) -> None:
    calls = []

    def cache_control(path: str, url: str) -> str:
        calls.append((path, url))
        return "no-cache"

    app = StaticFiles(None, static, prefix="/s", cache_control=cache_control)
    assert call(app, "/s/hello.txt").headers["Cache-Control"] == "no-cache"
    assert set(calls) == {(f"{static.root.filename}/pkg/static/hello.txt", "/s/hello.txt")}


@pytest.mark.unlocked_files
@pytest.mark.live
def test_replaced_archive_is_served_as_it_was(archive: Path, static: zipfile.Path) -> None:
    app = StaticFiles(None, static)
    before = call(app, "/hello.txt").headers["ETag"]
    other = zip_of(archive.with_name("new.zip"), {"pkg/static/hello.txt": b"new"}, 0)
    other.replace(archive)
    for _ in range(3):
        response = call(app, "/hello.txt")
        assert (response.body, response.headers["ETag"]) == (b"hello world\n", before)
        assert call(app, "/hello.txt", HTTP_RANGE="bytes=0-3").body == b"hell"
        assert call(app, "/big.bin").body == BIG


@pytest.mark.live
def test_archive_rewritten_in_place_is_no_longer_served(
    archive: Path, static: zipfile.Path, caplog: pytest.LogCaptureFixture
) -> None:
    settle()
    app = StaticFiles(None, static)
    assert call(app, "/hello.txt").status == 200
    with archive.open("r+b") as file:
        file.write(b"XXXXXXXX")
        file.truncate(500)
    for extra in ({"HTTP_IF_NONE_MATCH": '"no"'}, {}):  # not on the short path, and on it
        for path in ("/hello.txt", "/big.bin"):
            response = call(app, path, **extra)
            assert response.status == 500
            assert b"zip" not in response.body
    assert "rewritten in place" in caplog.text


@pytest.mark.live
def test_members_of_a_recent_archive_have_weak_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)
    os.utime(path)
    now = path.stat().st_ctime_ns + 1
    monkeypatch.setattr(time, "time_ns", lambda: now)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        assert call(app, "/hello.txt").headers["ETag"].startswith("W/")
        assert call(app, "/hello.txt", HTTP_RANGE="bytes=0-0").status == 206


@pytest.mark.live
def test_if_range_with_a_date_that_is_not_sent_yet(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)
    now_ns = time.time_ns() - time.time_ns() % 1000 - 1  # whole seconds mean a coarse clock
    os.utime(path, ns=(now_ns, now_ns))
    time.sleep(0.03)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        for _ in range(2):
            fields = call(app, "/hello.txt").headers
            assert "Last-Modified" not in fields
            date = formatdate(now_ns // 10**9, usegmt=True)
            for value, status in ((fields["ETag"], 206), (date, 200)):
                request = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": value}
                assert call(app, "/hello.txt", **request).status == status


def test_member_that_is_shorter_than_the_archive_states(static: zipfile.Path) -> None:
    static.root.getinfo("pkg/static/hello.txt").file_size += 5
    settle()
    for cache_size in (1_000_000, 0):
        app = StaticFiles(None, static, cache_size=cache_size)
        for _ in range(2):  # nothing incomplete is cached
            assert call(app, "/hello.txt").status == 500


def test_stored_member_is_closed_if_the_headers_function_fails(
    tmp_path: Path, open_descriptors: None
) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("no")

    with zipfile.ZipFile(zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"), headers=fail)
        assert call(app, "/hello.txt").status == 500


@pytest.mark.memory_cache
def test_members_of_a_recent_archive_are_not_cached(
    archive: Path, static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = archive.stat().st_ctime_ns + 1
    monkeypatch.setattr(time, "time_ns", lambda: now)
    app = StaticFiles(None, static)
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert not app._files


@pytest.mark.memory_cache
def test_get_after_head_caches_the_body_of_a_member(static: zipfile.Path) -> None:
    settle()
    app = StaticFiles(None, static)
    call(app, "/hello.txt", "HEAD")
    assert only_variant(app, "/hello.txt").content is None
    call(app, "/hello.txt")
    assert only_variant(app, "/hello.txt").content == b"hello world\n"


@pytest.mark.memory_cache
def test_member_gets_its_date_while_it_is_cached(
    archive: Path, static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(archive)
    written = archive.stat().st_mtime_ns
    app = StaticFiles(None, static)
    for age_ in (1.0, 3.0):
        now = written + int(age_ * 1_000_000_000)
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        monkeypatch.setattr(time, "time", lambda now=now: now / 1_000_000_000)
        date = call(app, "/hello.txt").headers.get("Last-Modified")
        assert (date is None) is (age_ < 2)
        assert "/hello.txt" in app._files
        app._files["/hello.txt"].check.until = 0.0
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=0-0", HTTP_IF_RANGE=date).status == 206


@pytest.mark.memory_cache
def test_archive_is_found_after_the_working_directory_changed(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    with zipfile.ZipFile(archive.name) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        monkeypatch.chdir("/")
        settle()
        call(app, "/hello.txt")
        assert app._cache.is_fresh(only_variant(app, "/hello.txt"))


def test_compressed_member_is_read_again_from_its_start_to_seek_back(
    static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(static.root)
    reads: list[int] = []
    read_at = archive.read_at

    def record(offset: int, size: int) -> bytes:
        reads.append(offset)
        return read_at(offset, size)

    reader = MemberReader(archive, static.root.getinfo("pkg/static/big.bin"))
    monkeypatch.setattr(archive, "read_at", record)
    for offset, count in ((300_000, 1), (400_000, 0), (400_005, 0), (7, 1)):
        reads.clear()
        assert reader.read_at(offset, 5) == BIG[offset : offset + 5]
        assert len(reads) == count
    assert reader.read_at(len(BIG) + 9, 5) == reader.read_at(len(BIG), 5) == b""


def test_failed_read_of_a_member_is_not_followed_by_bytes_of_another_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(offset: int, size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    path = zip_of(tmp_path / "a.zip", {"x.bin": os.urandom(100_000)}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as file:
        archive = Archive(file)
        reader = MemberReader(archive, file.getinfo("x.bin"))
        end = len(reader.read_at(0, 100_000))
        monkeypatch.setattr(archive, "read_at", fail)
        with pytest.raises(OSError, match="Input/output error"):
            reader.read_at(end, 10)
        assert reader.read_at(end, 10) == b""


def test_archive_that_hangs_does_not_delay_another_one(static: zipfile.Path, archive: Path) -> None:
    hanging, other_is_done = threading.Event(), threading.Event()

    class Hung(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if is_served:
                hanging.set()
                assert other_is_done.wait(20)
            return super().read(size)

    is_served = False
    with (
        zipfile.ZipFile(Hung(archive.read_bytes())) as hung,
        ThreadPoolExecutor(1) as pool,
    ):
        app = FileApp(zipfile.Path(hung, "pkg/static/big.bin"))
        is_served = True
        slow = pool.submit(lambda: call_raw(app, make_environ("/")).body)
        assert hanging.wait(20)
        other = StaticFiles(None, static)
        assert call(other, "/big.bin").body == BIG
        assert call(other, "/hello.txt", "HEAD").status == 200
        other_is_done.set()
        assert slow.result() == BIG


@pytest.mark.system_calls
@pytest.mark.usefixtures("open_descriptors")
def test_descriptor_of_a_stored_member_is_closed_if_it_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duplicates: list[int] = []
    dup, fstat = os.dup, os.fstat

    def recorded_dup(descriptor: int) -> int:
        duplicates.append(dup(descriptor))
        return duplicates[-1]

    def failing_fstat(descriptor: int) -> os.stat_result:
        if descriptor in duplicates:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return fstat(descriptor)

    path = zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)
    monkeypatch.setattr(os, "dup", recorded_dup)
    monkeypatch.setattr(os, "fstat", failing_fstat)
    with zipfile.ZipFile(path) as opened:
        assert call(StaticFiles(None, zipfile.Path(opened, "pkg/")), "/secret.txt").status == 503
    assert duplicates


@pytest.mark.fork
def test_compressed_members_are_read_right_by_processes_forked_from_one(tmp_path: Path) -> None:
    members = {f"{name}.bin": os.urandom(100_000) for name in "abcd"}
    zip_of(tmp_path / "a.zip", members, zipfile.ZIP_DEFLATED)
    # In a process of its own, since that of the tests has threads.
    script = """if True:
        import os, sys, zipfile
        from wsgistatic.files.changes import read_fully
        from wsgistatic.files.packages import Archive, MemberReader
        with zipfile.ZipFile(sys.argv[1]) as file:
            contents = [(info, file.read(info)) for info in file.infolist()]
            archive = Archive(file)
            child = os.fork()
            for info, content in contents * 50:
                reader = MemberReader(archive, info)
                assert read_fully(reader, 0, len(content)) == content
                reader.close()
            if child:
                assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.zip")], check=True, timeout=60)


def test_stored_member_with_a_wrong_size_does_not_reveal_the_next_one(
    tmp_path: Path,
) -> None:
    members = {"a.txt": b"open", "b.txt": b"secret"}
    with zipfile.ZipFile(zip_of(tmp_path / "a.zip", members, zipfile.ZIP_STORED)) as archive:
        archive.getinfo("a.txt").file_size = 1000
        with ZipMember(Archive(archive), "a.txt").open() as opened:
            assert b"secret" not in opened.file.read_at(0, 1000)


@pytest.mark.parametrize(
    ("name", "compression", "options", "status"),
    [
        ("hello.txt", zipfile.ZIP_DEFLATED, {}, 206),
        ("hello.txt", zipfile.ZIP_DEFLATED, {"cache_size": 0}, 200),
        ("big.bin", zipfile.ZIP_DEFLATED, {"cache_file_size": 100_000}, 200),
        ("hello.txt", zipfile.ZIP_STORED, {"cache_size": 0}, 206),
        ("big.bin", zipfile.ZIP_STORED, {}, 206),
    ],
)
@pytest.mark.memory_cache
def test_ranges_in_descending_order_unless_each_is_decompressed_from_the_start(
    tmp_path: Path, name: str, compression: int, options: dict[str, Any], status: int
) -> None:
    path = zip_of(tmp_path / "a.zip", MEMBERS, compression)
    settle()
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"), **options)
        for _ in range(2):
            request = make_environ(f"/{name}", HTTP_RANGE="bytes=9-10,0-1")
            assert call_raw(app, request).status == status


def test_archive_in_memory(archive: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        for _ in range(2):
            response = call(app, "/hello.txt", HTTP_RANGE="bytes=0-3")
            assert (response.status, response.body) == (206, b"hell")
            assert "Last-Modified" not in response.headers


@compressions
def test_many_threads_on_one_archive(
    tmp_path: Path, compression: int, open_descriptors: None
) -> None:
    members = {f"f{number}.bin": os.urandom(300_000 + number) for number in range(8)}
    path = zip_of(tmp_path / "a.zip", members, compression)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened), block_size=20_000)

        def is_right(number: int) -> bool:
            name = f"f{number % 8}.bin"
            if number % 3:
                offset = number * 331 % 250_000
                value = f"bytes={offset}-{offset + 40_000}"
                response = call_raw(app, make_environ("/" + name, HTTP_RANGE=value))
                return response.body == members[name][offset : offset + 40_001]
            return call_raw(app, make_environ("/" + name)).body == members[name]

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(is_right, range(600)))
        assert opened.testzip() is None  # it is still open


RUN = """
import json, sys, importlib.resources
sys.path.insert(0, sys.argv[1])
import pkg
from webob import Request
from wsgistatic import FileApp, StaticFiles
static = importlib.resources.files("pkg") / "static"
app = StaticFiles(None, static, prefix="/s/")
responses = []
for path, value in (("/s/hello.txt", ""), ("/s/hello.txt", "bytes=6-"), ("/s/sub/", ""),
                    ("/s/../secret.txt", ""), ("/s/nope", "")):
    request = Request.blank(path, headers={"Range": value} if value else {})
    response = request.get_response(app)
    responses.append([response.status_int, response.text])
response = Request.blank("/").get_response(FileApp(static / "hello.txt"))
responses.append([response.status_int, response.text])
print(json.dumps([pkg.__file__, responses]))
"""


@pytest.mark.parametrize("zipped", [True, False])
def test_imported_package(archive: Path, tmp_path: Path, zipped: bool) -> None:
    place = archive
    if not zipped:
        place = tmp_path / "unpacked"
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(place)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(RUN), str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file, responses = json.loads(done.stdout)
    assert file.startswith(str(place))
    assert responses[:3] == [[200, "hello world\n"], [206, "world\n"], [200, "<p>index</p>"]]
    assert [status for status, _ in responses[3:5]] == [404, 404]
    assert responses[5] == [200, "hello world\n"]


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package in two folders, without an ``__init__.py``."""
    for portion, names in (("one", ("both.txt", "only1.txt")), ("two", ("both.txt", "sub/x.txt"))):
        for name in names:
            path = tmp_path / portion / "wsgistatic_space" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} of {portion}")
            age(path)
        monkeypatch.syspath_prepend(tmp_path / portion)
    (tmp_path / "outside.txt").write_text("canary")
    (tmp_path / "two" / "wsgistatic_space" / "link.txt").symlink_to(tmp_path / "outside.txt")
    importlib.invalidate_caches()
    yield importlib.resources.files("wsgistatic_space")
    sys.modules.pop("wsgistatic_space", None)


def test_namespace_package(namespace: Any, open_descriptors: None) -> None:
    app = StaticFiles(inner, namespace, prefix="/n/", offload=("X-Accel-Redirect", "/i/"))
    for _ in range(2):
        assert call(app, "/n/both.txt").body == b"both.txt of two"
        assert call(app, "/n/only1.txt").body == b"only1.txt of one"
        assert call(app, "/n/sub/x.txt", HTTP_RANGE="bytes=0-2").body == b"sub"
        assert call(app, "/n/both.txt", "HEAD").headers["Content-Length"] == "15"
    for path in ("/n/nope", "/n/sub", "/n/link.txt", "/n/../two/wsgistatic_space/both.txt"):
        assert call(app, path).body == b"the app"


class Places(Node):
    """A namespace package, as ``importlib.resources`` returns it."""

    def __init__(self, *places: Any) -> None:
        super().__init__("pkg", {})
        self._paths = places


@pytest.mark.live
def test_member_is_not_described_as_the_file_that_hid_it_before(
    archive: Path, static: zipfile.Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    for name in ("hello.txt", "hello.txt.gz"):
        (first / name).write_bytes(b"longer than the member")
        age(first / name)
    settle()
    app = StaticFiles(None, Places(first, static))
    assert call(app, "/hello.txt").body == b"longer than the member"
    shutil.rmtree(first)
    response = call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="not seen before"))
    assert response.headers["Content-Length"] == "12"
    assert response.body == b"hello world\n"


@pytest.mark.live
def test_changes_in_a_namespace_package_are_seen(namespace: Any, tmp_path: Path) -> None:
    app = StaticFiles(None, namespace)
    assert call(app, "/only1.txt").status == 200
    (tmp_path / "one" / "wsgistatic_space" / "only1.txt").write_text("changed")
    assert call(app, "/only1.txt").body == b"changed"
    assert call(app, "/only1.txt", HTTP_RANGE="bytes=0-1").body == b"ch"


@pytest.mark.live
def test_file_that_appears_in_an_earlier_place_is_seen(
    namespace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (cache_module, cached_file):  # instead of a second
        monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)
    time.sleep(0.03)
    app = StaticFiles(None, namespace)
    for _ in range(2):
        assert call(app, "/only1.txt").body == b"only1.txt of one"
    (tmp_path / "two" / "wsgistatic_space" / "only1.txt").write_text("two")
    assert call(app, "/only1.txt").body == b"two"


@pytest.mark.live
def test_file_that_appears_in_an_earlier_place_of_nested_places_is_seen(
    namespace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (cache_module, cached_file):  # instead of a second
        monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)
    first = tmp_path / "first"
    first.mkdir()
    settle()
    app = StaticFiles(None, Places(first, namespace))
    for _ in range(2):
        assert call(app, "/only1.txt").body == b"only1.txt of one"
    (first / "only1.txt").write_text("first")
    assert call(app, "/only1.txt").body == b"first"


@pytest.mark.usefixtures("ordinary_user")
def test_unreadable_file_in_the_first_place_is_not_replaced_by_one_in_the_next(
    public_directory: Path,
) -> None:
    for portion in "ab":
        (public_directory / portion).mkdir()
        (public_directory / portion / "x.txt").write_text(portion)
    (public_directory / "a" / "x.txt").chmod(0)
    places = importlib.import_module("importlib.readers").MultiplexedPath(
        public_directory / "a", public_directory / "b"
    )
    assert call(StaticFiles(None, places), "/x.txt").status == 403


def test_package_that_only_its_loader_can_open(open_descriptors: None) -> None:
    tree = Node("static", {"hello.txt": b"hello", "sub": {"index.html": b"<p>index</p>"}})
    app = StaticFiles(inner, tree, prefix="/s/")
    for _ in range(2):
        response = call(app, "/s/hello.txt", HTTP_RANGE="bytes=1-2")
        assert (response.status, response.body) == (206, b"el")
        assert call(app, "/s/sub/").body == b"<p>index</p>"
        assert call(app, "/s/sub").status == 301
    for path in ("/s/", "/s", "/s/nope", "/s/hello.txt/x", "/s/hello.txt/", "/s/sub/nope"):
        assert call(app, path).body == b"the app"


def test_wrong_directories(static: zipfile.Path) -> None:
    for missing in (static / "nope", static / "hello.txt"):
        with pytest.raises(ValueError, match=r"directory must be an existing .*zip"):
            StaticFiles(None, missing)
    assert call(StaticFiles(None, static / "nope", check_dir=False), "/x").status == 404
    for wrong in (static.root, 5, b"static"):
        with pytest.raises(TypeError, match="directory must be a path"):
            StaticFiles(None, wrong)  # type: ignore[arg-type]


def test_fallback_404_page_and_clean_urls(static: zipfile.Path) -> None:
    app = StaticFiles(
        None,
        static,
        fallback="sub/index.html",
        not_found="hello.txt",
        clean_urls=True,
        listing=True,
    )
    for _ in range(2):
        assert call(app, "/some/page", HTTP_ACCEPT="text/html").body == b"<p>index</p>"
        missing = call(app, "/nope.js")
        assert (missing.status, missing.body) == (404, b"hello world\n")
        assert call(app, "/sub/index.html").headers["Location"] == "./"
        assert call(app, "/", HTTP_ACCEPT="text/css").status == 404  # no listing
    pages = StaticFiles(None, static, index=None, clean_urls=True)
    for _ in range(2):
        assert call(pages, "/sub/index").body == b"<p>index</p>"


class Late(Node):
    """A file that exists from the second look-up on."""

    def __init__(self, name: str, content: bytes | dict[str, Any] | None) -> None:
        super().__init__(name, content)
        self.calls = 0

    def is_file(self) -> bool:
        self.calls += 1
        return self.calls > 1

    def joinpath(self, child: str) -> Node:
        assert isinstance(self._content, dict)
        found: Node = self._content[child]
        return found


def test_events_for_packages(static: zipfile.Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(inner, static, on_answer=events.append)
    for path in ("/hello.txt", "/nope", "/", "/hello.txt/x", "/sub/x/"):
        call_raw(app, make_environ(path))
    app = StaticFiles(inner, static, index=None, on_answer=events.append)
    for path in ("/sub", "/hello.txt/"):
        call_raw(app, make_environ(path))
    late = Late("static", {"late.txt": Late("late.txt", b"late")})
    call_raw(StaticFiles(inner, late, on_answer=events.append), make_environ("/late.txt"))
    assert [event.status for event in events] == [200, *[None] * 7]
    assert [event.refused for event in events[1:]] == [
        "does not exist",
        "a directory without an index",
        "does not exist",
        "does not exist",
        "a directory without an index",
        "a slash after the name of something other than a directory",
        "something that is no longer the case",
    ]


def test_members_are_not_compressed_in_memory(static: zipfile.Path) -> None:
    app = StaticFiles(None, static, compress=True, cache_size=1_000_000)
    response = call(app, "/hello.txt", HTTP_ACCEPT_ENCODING="gzip")
    assert response.body == b"hello world\n"
    assert "Content-Encoding" not in response.headers
