"""``StaticFiles.url`` and ``StaticFiles.integrity``: what pages write."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import settle
from tests.platforms import make_fifo
from tests.wsgi.test_system_calls import CallCounter
from wsgistatic import StaticFiles
from wsgistatic.files import digests
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm
from wsgistatic.representations import fingerprints as fingerprints_module

HELLO = b"hello world\n"


def fingerprint(content: bytes) -> str:
    return hashlib.sha384(content).hexdigest()[:12]


def integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


@pytest.fixture
def settled_site(site: Path) -> Path:
    settle()
    return site


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Algorithm]:
    """The algorithm of each hash that is computed."""
    hashed: list[Algorithm] = []
    real = digests.hash_content

    def record(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        hashed.append(algorithm)
        return real(file, size, algorithm)

    monkeypatch.setattr(digests, "hash_content", record)
    return hashed


@pytest.mark.parametrize("prefix", ["/static/", "static", "/", "/a b/\u00e9/"])
@pytest.mark.parametrize("name", ["hello.txt", "sub/page.html", "sub/index.html", "empty.bin"])
def test_a_url_leads_to_its_file(settled_site: Path, prefix: str, name: str) -> None:
    app = StaticFiles(None, settled_site, prefix=prefix)
    content = (settled_site / name).read_bytes()
    url = app.url(name)
    stem, extension = name.split(".")
    below = {"/": "/", "/a b/\u00e9/": "/a%20b/%C3%A9/"}.get(prefix, "/static/")
    assert url == f"{below}{stem}.{fingerprint(content)}.{extension}"
    assert app.integrity(name) == integrity(content)
    response = call(app, path_info(url))
    assert (response.status, response.body) == (200, content)
    assert response.headers["Cache-Control"] == "max-age=31536000, immutable"


def path_info(url: str) -> str:
    """Decode a URL path as a server does."""
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(url).decode("latin-1")


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a b.txt", "a%20b.{}.txt"),
        ("gr\u00fc\u00dfe.css", "gr%C3%BC%C3%9Fe.{}.css"),
        ("50%.js", "50%25.{}.js"),
        pytest.param("who?.js", "who%3F.{}.js", marks=pytest.mark.free_names),
        ("#1.js", "%231.{}.js"),
        pytest.param("a\\b.js", "a%5Cb.{}.js", marks=pytest.mark.free_names),
        pytest.param('"<>.js', "%22%3C%3E.{}.js", marks=pytest.mark.free_names),
        ("'&+;=.js", "'&+;=.{}.js"),
        ("LICENSE", "LICENSE.{}"),
        pytest.param("\udcff.js", "%FF.{}.js", marks=pytest.mark.byte_names),
        (".well-known/a.txt", ".well-known/a.{}.txt"),
    ],
)
def test_names_are_quoted(tmp_path: Path, name: str, quoted: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(HELLO)
    settle()
    app = StaticFiles(None, tmp_path, prefix="/static/", strict_urls=True)
    url = app.url(name)
    assert url == "/static/" + quoted.format(fingerprint(HELLO))
    response = call_raw(app, make_environ("", PATH_INFO=path_info(url)))
    assert (response.status, response.body) == (200, HELLO)


def test_a_name_that_begins_with_a_dot_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".zarray").write_bytes(HELLO)
    app = StaticFiles(None, tmp_path, dotfiles=[".zarray"], strict_urls=True)
    assert app.url(".zarray") == "/.zarray"
    assert app.integrity(".zarray") == integrity(HELLO)
    with pytest.raises(FileNotFoundError):
        StaticFiles(None, tmp_path, strict_urls=True).url(".zarray")


@pytest.mark.parametrize(
    ("script_name", "begins"),
    [
        ("", "/static/"),
        ("/app", "/app/static/"),
        ("/app/", "/app/static/"),
        ("/", "/static/"),
        ("/a b/\u00c3\u00a9", "/a%20b/%C3%A9/static/"),
        ("//evil.example", "/evil.example/static/"),
        ("\\evil", "/%5Cevil/static/"),
        (None, "/static/"),
    ],
)
def test_script_name_comes_before_the_prefix(
    settled_site: Path, script_name: Any, begins: str
) -> None:
    app = StaticFiles(None, settled_site, prefix="/static/")
    environ = make_environ("/", SCRIPT_NAME=script_name)
    assert app.url("hello.txt", environ) == f"{begins}hello.{fingerprint(HELLO)}.txt"
    assert app.url("nope.txt", environ) == f"{begins}nope.txt"


@pytest.mark.live
def test_a_changed_file_has_a_new_url(settled_site: Path) -> None:
    app = StaticFiles(None, settled_site)
    before = app.url("hello.txt"), app.integrity("hello.txt")
    (settled_site / "hello.txt").write_bytes(b"HELLO WORLD\n")
    settle()
    after = app.url("hello.txt"), app.integrity("hello.txt")
    assert before == (f"/hello.{fingerprint(HELLO)}.txt", integrity(HELLO))
    assert after == (f"/hello.{fingerprint(b'HELLO WORLD' + HELLO[-1:])}.txt",
                     integrity(b"HELLO WORLD\n"))  # fmt: skip
    (settled_site / "hello.txt").unlink()
    assert app.url("hello.txt") == "/hello.txt"


@pytest.mark.live
def test_a_version_is_hashed_once_in_the_process(
    settled_site: Path, hashed: list[Algorithm]
) -> None:
    path = settled_site / "hello.txt"
    path.write_bytes(os.urandom(100))
    settle()
    apps = [StaticFiles(None, settled_site, prefix=prefix) for prefix in ("/", "/static/")]
    for app in apps:
        for _ in range(3):
            url = app.url("hello.txt")
            app.integrity("hello.txt")
            assert "immutable" in call(app, url).headers["Cache-Control"]
            call(app, url.replace(".txt", "x.txt"))
    assert hashed == ["sha384"]
    path.write_bytes(os.urandom(100))
    settle()
    assert {app.url("hello.txt") for app in apps}
    assert hashed == ["sha384"] * 2


@pytest.mark.change_times
@pytest.mark.live
def test_a_version_that_may_still_change_is_not_remembered(
    settled_site: Path, hashed: list[Algorithm]
) -> None:
    path = settled_site / "hello.txt"
    app = StaticFiles(None, settled_site, cache_size=0)
    for content in (b"new", b"old"):
        path.write_bytes(content)
        os.utime(path, ns=(0, 0))  # until the clock ticks, the ctime too is that of the other one
        assert app.url("hello.txt") == f"/hello.{fingerprint(content)}.txt"
    assert len(hashed) == 2


@pytest.mark.parametrize(("ttl", "calls"), [(0.0, {"stat": 1}), (3600.0, {})])
def test_a_known_version_costs_one_stat_or_none(
    settled_site: Path, monkeypatch: pytest.MonkeyPatch, ttl: float, calls: dict[str, int]
) -> None:
    app = StaticFiles(None, settled_site, stat_ttl=ttl)
    for name in ("hello.txt", "sub/page.html"):
        app.url(name)
    counter = CallCounter(monkeypatch)
    for name in ("hello.txt", "sub/page.html"):
        for method in (app.url, app.integrity):
            counter.calls.clear()
            method(name)
            assert counter.calls == calls


def test_the_store_is_bounded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        (site / f"{number}.js").write_text(str(number))
    settle()
    monkeypatch.setattr(fingerprints_module, "_MAX_FILES", 5)
    app = StaticFiles(None, site)
    for _ in range(2):
        for number in range(12):
            assert app.url(f"{number}.js") == f"/{number}.{fingerprint(b'%d' % number)}.js"
    assert len(app._urls._fingerprints._known) == 5


UNKNOWN = ["nope.js", "", "sub", "sub/", "../secret.txt", "a//b", "hello.txt/x", ".hidden", "a\0b",
           "\ud800.js", "x" * 300]  # fmt: skip


@pytest.mark.parametrize("name", [*UNKNOWN, "/hello.txt", "//evil.example/x.js"])
def test_an_unknown_file_is_an_error_in_development(settled_site: Path, name: str) -> None:
    app = StaticFiles(None, settled_site, strict_urls=True)
    for method in (app.url, app.integrity):
        with pytest.raises(FileNotFoundError, match="no static file: ") as caught:
            method(name)
        assert caught.value.filename == name
        assert str(settled_site) not in str(caught.value)


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_file_is_logged_once_in_production(
    settled_site: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = StaticFiles(None, settled_site, prefix="/static/")
    for _ in range(2):
        assert app.url(name).startswith("/static/")
        assert app.integrity(name) == ""
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert repr(name).strip("'") in caplog.text or ascii(name) in caplog.text


@pytest.mark.parametrize("name", ["//evil.example/x.js", "/x.js", "///x.js"])
def test_a_plain_url_stays_on_the_host(settled_site: Path, name: str) -> None:
    url = StaticFiles(None, settled_site).url(name)
    assert url.startswith("/")
    assert not url.startswith("//")


def test_names_that_were_logged_are_bounded(
    settled_site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = StaticFiles(None, settled_site)
    for number in range(1001):
        app.url(f"{number}.js")
    app.url("0.js")
    assert len(caplog.messages) == 1002


@pytest.mark.symlinks
def test_what_is_not_served_has_no_url(site: Path, tmp_path: Path) -> None:
    (site / "up.txt").symlink_to(tmp_path / "secret.txt")
    (site / "link.txt").symlink_to("hello.txt")
    make_fifo(site / "pipe")
    settle()
    app = StaticFiles(None, site, strict_urls=True)
    assert fingerprint(HELLO) in app.url("link.txt")
    for name in ("up.txt", "pipe"):
        with pytest.raises(FileNotFoundError):
            app.url(name)
    with pytest.raises(FileNotFoundError):
        StaticFiles(None, site, symlinks="deny", strict_urls=True).url("link.txt")
    assert "secret" in StaticFiles(None, tmp_path, symlinks="follow").url("secret.txt")


@pytest.mark.usefixtures("ordinary_user")
def test_a_file_that_cannot_be_read(
    public_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (public_directory / "a.js").touch()
    (public_directory / "a.js").chmod(0)
    assert StaticFiles(None, public_directory).url("a.js") == "/a.js"
    assert "Permission denied" in caplog.text


def test_several_directories_at_one_prefix(site: Path, tmp_path: Path) -> None:
    (tmp_path / "theme").mkdir()
    (tmp_path / "theme" / "hello.txt").write_bytes(b"theme")
    settle()
    base = StaticFiles(None, site, prefix="/static/")
    app = StaticFiles(base, tmp_path / "theme", prefix="/static/", strict_urls=True)
    assert app.url("hello.txt") == f"/static/hello.{fingerprint(b'theme')}.txt"
    assert app.url("digits.bin") == base.url("digits.bin")
    assert app.integrity("digits.bin") == base.integrity("digits.bin")
    for name, content in (("hello.txt", b"theme"), ("digits.bin", b"0123456789" * 100)):
        response = call(app, app.url(name))
        assert (response.status, response.body) == (200, content)
        assert "immutable" in response.headers["Cache-Control"]
    with pytest.raises(FileNotFoundError):
        app.url("nope")
    other = StaticFiles(base, tmp_path / "theme", prefix="/theme/")
    assert other.url("digits.bin") == "/theme/digits.bin"


def test_files_of_a_zip_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "assets.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("static/app.js", HELLO * 100)
    settle()
    app = StaticFiles(None, zipfile.Path(archive, "static/"), strict_urls=True, stat_ttl=0.0)
    url = app.url("app.js")
    assert url == f"/app.{fingerprint(HELLO * 100)}.js"
    assert app.integrity("app.js") == integrity(HELLO * 100)
    counter = CallCounter(monkeypatch)
    assert app.url("app.js") == url
    assert counter.calls == {"stat": 1}
    response = call(app, url)
    assert (response.status, response.body) == (200, HELLO * 100)
    assert "immutable" in response.headers["Cache-Control"]
    with pytest.raises(FileNotFoundError):
        app.url("nope.js")


class Resource:
    """A file or directory that is only a ``Traversable``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self.is_dir, self.is_file = path.is_dir, path.is_file

    def joinpath(self, child: str) -> Resource:
        return Resource(self._path / child)

    def open(self, mode: str = "r") -> Any:
        return self._path.open(mode)


def test_files_without_a_version(site: Path) -> None:
    (site / "large.bin").write_bytes(bytes(2_000_000))
    app = StaticFiles(None, Resource(site), strict_urls=True)
    for content in (HELLO, b"another"):
        (site / "hello.txt").write_bytes(content)
        url = app.url("hello.txt")
        assert url == f"/hello.{fingerprint(content)}.txt"
        assert "immutable" in call(app, url).headers["Cache-Control"]
    # It is too large to be hashed each time.
    assert (app.url("large.bin"), app.integrity("large.bin")) == ("/large.bin", "")
    assert call(app, "/large.0123456789ab.bin").headers["Cache-Control"] == "no-cache"


def test_a_file_that_is_stored_in_a_coding_has_no_integrity(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.svgz").write_bytes(gzip.compress(b"<svg/>"))
    settle()
    app = StaticFiles(None, tmp_path, strict_urls=True)
    assert app.integrity("a.svgz") == ""
    response = call(app, app.url("a.svgz"), HTTP_ACCEPT_ENCODING="identity")
    assert response.body == b"<svg/>"
    assert "immutable" in response.headers["Cache-Control"]


def test_threads_get_the_same_url(site: Path, hashed: list[Algorithm]) -> None:
    (site / "app.js").write_bytes(os.urandom(3_000_000))
    settle()
    app = StaticFiles(None, site)
    with ThreadPoolExecutor(8) as threads:
        urls = set(threads.map(app.url, ["app.js"] * 64))
    assert urls == {f"/app.{fingerprint((site / 'app.js').read_bytes())}.js"}
    assert hashed == ["sha384"]


@pytest.mark.fork
def test_a_forked_child_has_its_own_lock(settled_site: Path) -> None:
    app = StaticFiles(None, settled_site)
    url = app.url("hello.txt")
    with app._urls._fingerprints._lock:
        child = os.fork()
        if child == 0:
            right = app.url("hello.txt") == url and app.url("digits.bin") != "/digits.bin"
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_copies_have_the_same_urls(settled_site: Path) -> None:
    app = StaticFiles(None, settled_site, prefix="/static/")
    assert pickle.loads(pickle.dumps(app)).url("hello.txt") == app.url("hello.txt")
