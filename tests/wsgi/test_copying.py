"""Apps as Python objects: copies, pickles, ``repr``, equality and weak references."""

from __future__ import annotations

import copy
import gc
import gzip
import io
import pickle
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import call
from tests.source_kinds import Node, zip_of
from wsgistatic import CROSS_ORIGIN_ISOLATION, FileApp, StaticFiles, Validators, untrusted_uploads

HOME = Path(__file__).parents[2]
WAYS = [copy.copy, copy.deepcopy, lambda app: pickle.loads(pickle.dumps(app))]
each_way = pytest.mark.parametrize("duplicate", WAYS, ids=["copy", "deepcopy", "pickle"])
Duplicate = Callable[[Any], Any]
# Python 3.14 may finalize a file before the archive that would close it.
FINALIZED_FIRST = ["ignore:unclosed file:ResourceWarning"] if sys.version_info >= (3, 14) else []

pytestmark = pytest.mark.usefixtures("open_descriptors")


def inner(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app"]


class Named(StaticFiles):
    """A subclass with other arguments, and with an attribute."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(inner, directory, prefix=name)
        self.name = name


@pytest.mark.memory_cache
@each_way
def test_copies_of_static_files(
    site: Path, duplicate: Duplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.parent)
    options: dict[str, Any] = {
        "compress": True,
        "etag": "content",
        "headers": CROSS_ORIGIN_ISOLATION,
        "not_found": "hello.txt",
        "on_answer": print,
        "listing": True,
    }
    app = StaticFiles(None, "site", "/s/", **options)
    expected = call(app, "/s/digits.bin")
    monkeypatch.chdir("/")
    other = duplicate(app)
    for path in ("/s/digits.bin", "/s/nope", "/s/", "/s/digits.bin"):
        assert call(other, path).headers == call(app, path).headers
        assert call(other, path).body == call(app, path).body
    assert call(other, "/s/digits.bin").headers == expected.headers
    assert other._cache is not app._cache
    assert other != app


@each_way
def test_copies_have_empty_caches_of_their_own(site: Path, duplicate: Duplicate) -> None:
    app = StaticFiles(inner, site, no_store_misses=True)
    call(app, "/hello.txt")
    other = duplicate(duplicate(app))
    assert not other._files
    for one in (app, other):
        assert call(one, "/hello.txt").body == b"hello world\n"
        assert call(one, "/nope").body == b"the app"
    assert other._files is other._cache.files


@each_way
def test_copies_with_the_policy_for_uploads(site: Path, duplicate: Duplicate) -> None:
    app = FileApp(site / "sub/page.html", headers=untrusted_uploads(attachment=True))
    fields = call(duplicate(app), "/").headers
    assert fields == call(app, "/").headers
    assert "sandbox" in fields["Content-Security-Policy"]


@each_way
def test_copies_of_a_subclass(site: Path, duplicate: Duplicate) -> None:
    other = duplicate(Named("n", site))
    assert (type(other), other.name) == (Named, "n")
    assert call(other, "/n/hello.txt").body == b"hello world\n"


@each_way
@pytest.mark.parametrize("source", [b"text", bytearray(b"text"), memoryview(b"text")])
def test_copies_of_an_app_for_bytes(source: Any, duplicate: Duplicate) -> None:
    app = FileApp(source, download_name="a.txt", disposition="inline", cache_control="no-store")
    other = duplicate(app)
    assert call(other, "/").body == b"text"
    assert call(other, "/").headers == call(app, "/").headers
    assert repr(app) == "FileApp(<4 bytes>)"


@each_way
def test_copies_of_an_app_for_a_path(
    site: Path, duplicate: Duplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    app = FileApp("hello.txt", validators=Validators('"v1"'))
    monkeypatch.chdir("/")
    assert call(duplicate(app), "/").body == b"hello world\n"
    assert call(duplicate(app), "/").headers["ETag"] == '"v1"'
    stream = io.BytesIO(b"as it was")
    app = FileApp(stream)
    stream.write(b"changed")
    assert call(duplicate(app), "/").body == b"as it was"


@each_way
@pytest.mark.filterwarnings(*FINALIZED_FIRST)
def test_copies_open_the_archive_again(tmp_path: Path, duplicate: Duplicate) -> None:
    path = zip_of(tmp_path / "a.zip", {"dir/x.txt": b"x"}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        apps: list[Any] = [
            StaticFiles(None, zipfile.Path(archive, "dir/"), "/dir"),
            FileApp(zipfile.Path(archive, "dir/x.txt")),
        ]
        others = [duplicate(app) for app in apps]
    assert [call(other, "/dir/x.txt").body for other in others] == [b"x", b"x"]
    assert [call(app, "/dir/x.txt").status for app in apps] == [500, 500]
    del others
    gc.collect()  # closes the archives


@each_way
def test_copies_of_other_sources(duplicate: Duplicate) -> None:
    tree = Node("tree", {"x.txt": b"x"})
    assert call(duplicate(StaticFiles(None, tree)), "/x.txt").body == b"x"
    assert call(duplicate(FileApp(tree.joinpath("x.txt"))), "/").body == b"x"


@each_way
def test_open_files_cannot_be_copied(tmp_path: Path, duplicate: Duplicate) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"text"))
    stream = io.BytesIO(zip_of(tmp_path / "a.zip", {"x.txt": b"x"}, 0).read_bytes())
    with (
        path.open("rb") as plain,
        gzip.open(path) as decompressing,
        tempfile.NamedTemporaryFile() as temporary,
        zipfile.ZipFile(stream) as archive,
    ):
        for source in (plain, decompressing, temporary, zipfile.Path(archive, "x.txt")):
            with pytest.raises(TypeError, match=r"cannot copy or pickle an open file, .*path$"):
                duplicate(FileApp(source))
        with pytest.raises(TypeError, match="cannot copy or pickle an open file"):
            duplicate(StaticFiles(None, zipfile.Path(archive)))


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")  # of 3.14
def test_temporary_file_lives_as_long_as_its_app() -> None:
    def make_app() -> FileApp:
        file = tempfile.NamedTemporaryFile()  # noqa: SIM115
        file.write(b"text")
        return FileApp(file)

    assert call(make_app(), "/").body == b"text"


def test_repr_shows_the_arguments_as_given(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    assert repr(StaticFiles(None, "sub", prefix="/s/")) == "StaticFiles(None, 'sub', '/s/')"
    nested = StaticFiles(StaticFiles(None, site), "bare", listing=True)
    assert repr(nested) == f"StaticFiles(StaticFiles(None, {site!r}, '/'), 'bare', '/')"
    assert repr(FileApp("hello.txt")) == "FileApp('hello.txt')"
    assert repr(FileApp(b"x" * 10_000)) == "FileApp(<10,000 bytes>)"


def test_apps_are_equal_to_themselves_only(site: Path) -> None:
    apps: list[Any] = [StaticFiles(None, site), StaticFiles(None, site), FileApp(b""), FileApp(b"")]
    assert len(set(apps)) == 4
    assert [weakref.ref(app)() for app in apps] == apps


def test_pickle_in_another_process(site: Path) -> None:
    script = """if True:
        import pickle, sys
        from tests.client import call_raw, make_environ
        app = pickle.load(sys.stdin.buffer)
        sys.stdout.buffer.write(call_raw(app, make_environ("/hello.txt")).body)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=pickle.dumps(StaticFiles(None, site)), capture_output=True, check=False,
        cwd=HOME,
    )  # fmt: skip
    assert done.stdout == b"hello world\n", done.stderr
