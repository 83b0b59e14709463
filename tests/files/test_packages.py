"""Directories of packages: in an archive, in several places, or known to a loader only."""

from __future__ import annotations

import importlib
import importlib.resources
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age, settle
from tests.source_kinds import Node, zip_of
from wsgistatic import AnswerEvent, StaticFiles
from wsgistatic.files.packages import _OPENING, Archive, MemberReader, ZipMember
from wsgistatic.representations import cache as catalog

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


def inner(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app"]


def test_files_and_misses(static: zipfile.Path, open_descriptors: None) -> None:
    app = StaticFiles(inner, static, prefix="/static/")
    for _ in range(2):
        answer = call(app, "/static/hello.txt")
        assert (answer.status, answer.body) == (200, b"hello world\n")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
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
    assert (moved.status, moved.headers["Location"]) == (301, "/sub/?a=b")
    assert call(app, "/sub/").body == b"<p>index</p>"
    assert call(app, "/").status == 404
    assert call(StaticFiles(None, static, prefix="/s/"), "/s").status == 404
    assert call(StaticFiles(None, static / "sub", prefix="/s/"), "/s").status == 301
    assert call(StaticFiles(None, static, index=None), "/sub/").status == 404
    assert call(StaticFiles(None, static, index=None), "/sub").status == 404


def test_the_root_of_an_archive(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        app = StaticFiles(None, zipfile.Path(opened), prefix="/z/")
        assert call(app, "/z/pkg/secret.txt").body == b"canary"
        assert call(app, "/z").status == 404
    zip_of(archive, {"index.html": b"index"}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(archive) as opened:
        app = StaticFiles(None, zipfile.Path(opened), prefix="/z/")
        assert call(app, "/z").headers["Location"] == "/z/"


def test_methods(static: zipfile.Path) -> None:
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
        tag, date = fields["ETag"], fields["Last-Modified"]
        assert tag.startswith('"')
        for _ in range(3):
            assert call(app, f"/{name}").headers == fields
            assert call(app, f"/{name}", "HEAD").headers == fields
            assert call(app, f"/{name}", HTTP_IF_NONE_MATCH=tag).status == 304
            assert call(app, f"/{name}", HTTP_IF_NONE_MATCH=f'"x", {tag}').status == 304
            assert call(app, f"/{name}", HTTP_IF_MODIFIED_SINCE=date).status == 304
            assert call(app, f"/{name}", HTTP_IF_MATCH='"x"').status == 412
            for value in (tag, date):
                part = call(app, f"/{name}", HTTP_RANGE="bytes=3-5", HTTP_IF_RANGE=value)
                assert (part.status, part.body) == (206, content[3:6])
            whole = call(app, f"/{name}", HTTP_RANGE="bytes=3-5", HTTP_IF_RANGE='"x"')
            assert (whole.status, whole.body) == (200, content)
            several = call(app, f"/{name}", HTTP_RANGE="bytes=0-1,5-6")
            assert several.status == 206
            assert several.headers["Content-Type"].startswith("multipart/byteranges")
            assert call(app, f"/{name}", HTTP_RANGE="bytes=9999999-").status == 416


def test_the_tag_is_the_same_whatever_the_time_of_the_archive(archive: Path) -> None:
    tags = set()
    for seconds in (1_000_000_000, 1_100_000_000):
        os.utime(archive, (seconds, seconds))
        with zipfile.ZipFile(archive) as opened:
            tags.add(
                call(StaticFiles(None, zipfile.Path(opened)), "/pkg/secret.txt").headers["ETag"]
            )
    assert len(tags) == 1


@pytest.mark.memory_cache
def test_small_members_are_kept(static: zipfile.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time.sleep(0.03)  # until the clock has ticked since the archive's last change
    app = StaticFiles(None, static)
    for path in ("/hello.txt", "/big.bin"):
        call(app, path)
    monkeypatch.setattr(static.root, "open", None)
    monkeypatch.setattr(static.root, "getinfo", None)
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=1-2").body == b"el"
    assert call(app, "/big.bin", "HEAD").headers["Content-Length"] == str(len(BIG))
    assert call(app, "/big.bin", HTTP_IF_NONE_MATCH="*").status == 304


def test_headers_are_made_with_the_name_of_the_member(static: zipfile.Path) -> None:
    asked = []

    def cache_control(path: str, url: str) -> str:
        asked.append((path, url))
        return "no-cache"

    app = StaticFiles(None, static, prefix="/s", cache_control=cache_control)
    assert call(app, "/s/hello.txt").headers["Cache-Control"] == "no-cache"
    assert set(asked) == {(f"{static.root.filename}/pkg/static/hello.txt", "/s/hello.txt")}


@pytest.mark.live
def test_a_replaced_archive_is_served_as_it_was(archive: Path, static: zipfile.Path) -> None:
    app = StaticFiles(None, static)
    before = call(app, "/hello.txt").headers["ETag"]
    other = zip_of(archive.with_name("new.zip"), {"pkg/static/hello.txt": b"new"}, 0)
    other.replace(archive)
    for _ in range(3):
        answer = call(app, "/hello.txt")
        assert (answer.body, answer.headers["ETag"]) == (b"hello world\n", before)
        assert call(app, "/hello.txt", HTTP_RANGE="bytes=0-3").body == b"hell"
        assert call(app, "/big.bin").body == BIG


@pytest.mark.live
def test_an_archive_rewritten_in_place_is_served_no_more(
    archive: Path, static: zipfile.Path, caplog: pytest.LogCaptureFixture
) -> None:
    settle()
    app = StaticFiles(None, static)
    assert call(app, "/hello.txt").status == 200
    with archive.open("r+b") as file:
        file.write(b"XXXXXXXX")
        file.truncate(500)
    for extra in ({"HTTP_IF_NONE_MATCH": '"no"'}, {}):  # in full, and in short
        for path in ("/hello.txt", "/big.bin"):
            answer = call(app, path, **extra)
            assert answer.status == 500
            assert b"zip" not in answer.body
    assert "rewritten in place" in caplog.text


@pytest.mark.live
def test_a_fresh_archive_has_a_weak_tag_and_is_not_kept(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)
    os.utime(path)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        assert call(app, "/hello.txt").headers["ETag"].startswith("W/")
        assert call(app, "/hello.txt", HTTP_RANGE="bytes=0-0").status == 206


@pytest.mark.live
def test_if_range_by_a_date_that_is_not_strong_yet(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)
    now_ns = time.time_ns() - time.time_ns() % 1000 - 1  # whole seconds would be a coarse clock's
    os.utime(path, ns=(now_ns, now_ns))
    time.sleep(0.03)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        for _ in range(2):
            fields = call(app, "/hello.txt").headers
            for field, status in (("ETag", 206), ("Last-Modified", 200)):
                request = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": fields[field]}
                assert call(app, "/hello.txt", **request).status == status


def test_a_member_that_is_shorter_than_the_archive_says(static: zipfile.Path) -> None:
    static.root.getinfo("pkg/static/hello.txt").file_size += 5
    settle()
    for cache_size in (1_000_000, 0):
        app = StaticFiles(None, static, cache_size=cache_size)
        for _ in range(2):  # nothing short is kept
            assert call(app, "/hello.txt").status == 500


def test_a_stored_member_is_closed_where_its_headers_fail(
    tmp_path: Path, open_descriptors: None
) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("no")

    with zipfile.ZipFile(zip_of(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED)) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"), headers=fail)
        assert call(app, "/hello.txt").status == 500


@pytest.mark.memory_cache
def test_members_of_an_archive_written_just_now_are_not_kept(
    archive: Path, static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = archive.stat().st_ctime_ns + 1
    monkeypatch.setattr(time, "time_ns", lambda: now)
    app = StaticFiles(None, static)
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert not app._entries


@pytest.mark.memory_cache
def test_a_whole_member_after_a_head_is_kept_with_its_content(static: zipfile.Path) -> None:
    settle()
    app = StaticFiles(None, static)
    call(app, "/hello.txt", "HEAD")
    assert app._entries["/hello.txt"].body is None
    call(app, "/hello.txt")
    assert app._entries["/hello.txt"].body == [b"hello world\n"]


@pytest.mark.memory_cache
def test_the_date_of_a_member_becomes_strong_while_it_is_kept(
    archive: Path, static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(archive)
    written = archive.stat().st_mtime_ns
    app = StaticFiles(None, static)
    for age_, status in ((1.0, 200), (3.0, 206)):
        now = written + int(age_ * 1_000_000_000)
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        date = call(app, "/hello.txt").headers["Last-Modified"]
        assert "/hello.txt" in app._entries
        request = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": date}
        assert call(app, "/hello.txt", **request).status == status


@pytest.mark.memory_cache
def test_a_working_directory_that_changes_moves_no_archive(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    with zipfile.ZipFile(archive.name) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        monkeypatch.chdir("/")
        settle()
        call(app, "/hello.txt")
        assert app._catalog.is_current(app._entries["/hello.txt"])


class Recorded:
    """An open member that tells what is done with it, and under which lock."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.tell = file.tell
        self.sizes: list[int] = []
        self.opened_alone = _OPENING.locked()
        self.closed_alone = False

    def read(self, size: int) -> bytes:
        self.sizes.append(size)
        content: bytes = self._file.read(size)
        return content

    def close(self) -> None:
        self.closed_alone = _OPENING.locked()
        self._file.close()


def test_a_compressed_member_is_opened_anew_for_a_step_back_and_passed_in_pieces(
    static: zipfile.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[Recorded] = []
    real = static.root.open

    def record(*arguments: Any) -> Recorded:
        files.append(Recorded(real(*arguments)))
        return files[-1]

    monkeypatch.setattr(static.root, "open", record)
    reader = MemberReader(Archive(static.root), static.root.getinfo("pkg/static/big.bin"))
    for offset in (400_000, 7):
        reader.seek(offset)
        assert reader.read(5) == BIG[offset : offset + 5]
    reader.close()
    assert [(file.opened_alone, file.closed_alone) for file in files] == [(True, True)] * 2
    assert max(files[0].sizes) <= 64 * 1024


def test_a_stored_member_that_claims_to_be_longer_does_not_show_what_comes_after(
    tmp_path: Path,
) -> None:
    members = {"a.txt": b"open", "b.txt": b"secret"}
    with zipfile.ZipFile(zip_of(tmp_path / "a.zip", members, zipfile.ZIP_STORED)) as archive:
        archive.getinfo("a.txt").file_size = 1000
        opened = ZipMember(Archive(archive), "a.txt").open()
        assert b"secret" not in opened.file.read(1000)
        opened.file.close()


def test_an_archive_in_memory(archive: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        app = StaticFiles(None, zipfile.Path(opened, "pkg/static/"))
        for _ in range(2):
            answer = call(app, "/hello.txt", HTTP_RANGE="bytes=0-3")
            assert (answer.status, answer.body) == (206, b"hell")
            assert "Last-Modified" not in answer.headers


@compressions
def test_many_threads_on_one_archive(
    tmp_path: Path, compression: int, open_descriptors: None
) -> None:
    members = {f"f{number}.bin": os.urandom(300_000 + number) for number in range(8)}
    path = zip_of(tmp_path / "a.zip", members, compression)
    with zipfile.ZipFile(path) as opened:
        app = StaticFiles(None, zipfile.Path(opened), block_size=20_000)

        def ask(number: int) -> bool:
            name = f"f{number % 8}.bin"
            if number % 3:
                at = number * 331 % 250_000
                value = f"bytes={at}-{at + 40_000}"
                got = call_raw(app, make_environ("/" + name, HTTP_RANGE=value))
                return got.body == members[name][at : at + 40_001]
            return call_raw(app, make_environ("/" + name)).body == members[name]

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(ask, range(600)))
        assert opened.testzip() is None  # and it is still open


RUN = """
import json, sys, importlib.resources
sys.path.insert(0, sys.argv[1])
import pkg
from webob import Request
from wsgistatic import FileApp, StaticFiles
static = importlib.resources.files("pkg") / "static"
app = StaticFiles(None, static, prefix="/s/")
answers = []
for path, value in (("/s/hello.txt", ""), ("/s/hello.txt", "bytes=6-"), ("/s/sub/", ""),
                    ("/s/../secret.txt", ""), ("/s/nope", "")):
    request = Request.blank(path, headers={"Range": value} if value else {})
    response = request.get_response(app)
    answers.append([response.status_int, response.text])
response = Request.blank("/").get_response(FileApp(static / "hello.txt"))
answers.append([response.status_int, response.text])
print(json.dumps([pkg.__file__, answers]))
"""


@pytest.mark.parametrize("zipped", [True, False])
def test_an_imported_package(archive: Path, tmp_path: Path, zipped: bool) -> None:
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
    file, answers = json.loads(done.stdout)
    assert file.startswith(str(place))
    assert answers[:3] == [[200, "hello world\n"], [206, "world\n"], [200, "<p>index</p>"]]
    assert [status for status, _ in answers[3:5]] == [404, 404]
    assert answers[5] == [200, "hello world\n"]


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


def test_a_package_in_several_places(namespace: Any, open_descriptors: None) -> None:
    app = StaticFiles(inner, namespace, prefix="/n/", offload=("X-Accel-Redirect", "/i/"))
    for _ in range(2):
        assert call(app, "/n/both.txt").body == b"both.txt of two"
        assert call(app, "/n/only1.txt").body == b"only1.txt of one"
        assert call(app, "/n/sub/x.txt", HTTP_RANGE="bytes=0-2").body == b"sub"
        assert call(app, "/n/both.txt", "HEAD").headers["Content-Length"] == "15"
    for path in ("/n/nope", "/n/sub", "/n/link.txt", "/n/../two/wsgistatic_space/both.txt"):
        assert call(app, path).body == b"the app"


class Places(Node):
    """What ``importlib.resources`` gives of a namespace package, as far as it is used."""

    def __init__(self, *places: Any) -> None:
        super().__init__("pkg", {})
        self._paths = places


@pytest.mark.live
def test_a_member_is_not_described_as_the_file_that_stood_before_it(
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
    answer = call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="not seen before"))
    assert answer.headers["Content-Length"] == "12"
    assert answer.body == b"hello world\n"


@pytest.mark.live
def test_a_package_in_several_places_is_live(namespace: Any, tmp_path: Path) -> None:
    app = StaticFiles(None, namespace)
    assert call(app, "/only1.txt").status == 200
    (tmp_path / "one" / "wsgistatic_space" / "only1.txt").write_text("changed")
    assert call(app, "/only1.txt").body == b"changed"
    assert call(app, "/only1.txt", HTTP_RANGE="bytes=0-1").body == b"ch"


@pytest.mark.live
def test_a_file_that_appears_in_an_earlier_place_is_seen(
    namespace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_INTERVAL", 0.0)  # a second else
    time.sleep(0.03)
    app = StaticFiles(None, namespace)
    for _ in range(2):
        assert call(app, "/only1.txt").body == b"only1.txt of one"
    (tmp_path / "two" / "wsgistatic_space" / "only1.txt").write_text("two")
    assert call(app, "/only1.txt").body == b"two"


@pytest.mark.usefixtures("ordinary_user")
def test_what_may_not_be_read_in_the_first_place_is_not_taken_from_the_next(
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


def test_a_loader_that_is_all_there_is(open_descriptors: None) -> None:
    tree = Node("static", {"hello.txt": b"hello", "sub": {"index.html": b"<p>index</p>"}})
    app = StaticFiles(inner, tree, prefix="/s/")
    for _ in range(2):
        answer = call(app, "/s/hello.txt", HTTP_RANGE="bytes=1-2")
        assert (answer.status, answer.body) == (206, b"el")
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


def test_what_a_site_wants_of_misses(static: zipfile.Path) -> None:
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
        missing = call(app, "/nope")
        assert (missing.status, missing.body) == (404, b"hello world\n")
        assert call(app, "/sub/index.html").headers["Location"] == "/sub/"
        assert call(app, "/").status == 404  # no listing
    pages = StaticFiles(None, static, index=None, clean_urls=True)
    for _ in range(2):
        assert call(pages, "/sub/index").body == b"<p>index</p>"


class Late(Node):
    """A file that is there when it is asked for a second time."""

    def __init__(self, name: str, content: bytes | dict[str, Any] | None) -> None:
        super().__init__(name, content)
        self.asked = 0

    def is_file(self) -> bool:
        self.asked += 1
        return self.asked > 1

    def joinpath(self, child: str) -> Node:
        assert isinstance(self._content, dict)
        found: Node = self._content[child]
        return found


def test_what_on_answer_is_told(static: zipfile.Path) -> None:
    told: list[AnswerEvent] = []
    app = StaticFiles(inner, static, on_answer=told.append)
    for path in ("/hello.txt", "/nope", "/", "/hello.txt/x", "/sub/x/"):
        call_raw(app, make_environ(path))
    app = StaticFiles(inner, static, index=None, on_answer=told.append)
    for path in ("/sub", "/hello.txt/"):
        call_raw(app, make_environ(path))
    late = Late("static", {"late.txt": Late("late.txt", b"late")})
    call_raw(StaticFiles(inner, late, on_answer=told.append), make_environ("/late.txt"))
    assert [event.status for event in told] == [200, *[None] * 7]
    assert [event.refused for event in told[1:]] == [
        "not there",
        "a directory without an index",
        "not there",
        "not there",
        "a directory without an index",
        "a slash after the name of what is no directory",
        "something that has passed",
    ]


def test_compression_leaves_members_as_they_are(static: zipfile.Path) -> None:
    app = StaticFiles(None, static, compress=True, cache_size=1_000_000)
    answer = call(app, "/hello.txt", HTTP_ACCEPT_ENCODING="gzip")
    assert answer.body == b"hello world\n"
    assert "Content-Encoding" not in answer.headers
