"""With DEBUG files come from the finders, which are called for each request."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import run_checks
from django.core.exceptions import SuspiciousFileOperation
from django.core.management import call_command
from django.templatetags.static import static

from tests.client import call, call_raw, make_environ
from tests.conftest import age, settle
from tests.django.conftest import Configure, write
from tests.django.test_wrap import inner_app
from wsgistatic.django.wsgi import wrap
from wsgistatic.files.directory import OpenDirectory


@pytest.fixture
def sources(tmp_path: Path, configure: Configure) -> Path:
    for name, content in (
        ("first/app.css", "first"),
        ("second/app.css", "second"),
        ("second/only.css", "only"),
        ("second/docs/index.html", "<p>docs</p>"),
        ("first/docs/notes.txt", "notes"),
        ("node_modules/lib/lib.js", "lib()"),
        ("node_modules/lib/index.html", "<p>lib</p>"),
        ("first/.hidden", "hidden"),
        ("secret.txt", "canary"),
        ("root/collected.css", "collected"),
    ):
        write(tmp_path / name, content)
    configure(
        DEBUG=True,
        STATIC_ROOT=tmp_path / "root",
        STATICFILES_DIRS=[
            tmp_path / "first", tmp_path / "second", ("vendor", tmp_path / "node_modules"),
        ],
    )  # fmt: skip
    return tmp_path


def test_precedence_of_the_finders(sources: Path) -> None:
    app = wrap(inner_app)
    assert call(app, "/static/app.css").body == b"first"
    assert call(app, "/static/only.css").body == b"only"
    assert call(app, "/static/vendor/lib/lib.js").body == b"lib()"
    assert call(app, "/static/lib/lib.js").body == b"the app"
    assert b"--primary" in call(app, "/static/admin/css/base.css").body
    write(sources / "first/admin/css/base.css", "mine")
    assert call(app, "/static/admin/css/base.css").body == b"mine"
    assert call(app, "/static/collected.css").body == b"the app"


def test_hashed_names_without_debug(sources: Path, configure: Configure) -> None:
    """The finders do not find them, and without DEBUG pages name no others."""
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    configure(
        DEBUG=False, WSGISTATIC={"finders": True}, STORAGES={"staticfiles": {"BACKEND": storage}}
    )
    call_command("collectstatic", interactive=False, verbosity=0)
    app = wrap(inner_app)
    url = static("only.css")
    assert url != "/static/only.css"
    assert call(app, url).body == b"only"
    assert "immutable" in call(app, url).headers["Cache-Control"]
    write(sources / "second/only.css", "only, but new")
    assert call(app, "/static/only.css").body == b"only, but new"  # the finders come first
    assert call(app, url).body == b"only"
    assert call(app, "/static/.hidden").body == b"the app"


def test_finders_without_static_root(sources: Path, configure: Configure) -> None:
    for root in (None, sources / "none"):
        configure(DEBUG=False, WSGISTATIC={"finders": True}, STATIC_ROOT=root)
        app = wrap(inner_app)
        assert call(app, "/static/app.css").body == b"first"
        assert call(app, "/static/collected.css").body == b"the app"
        assert run_checks(tags=["wsgistatic"]) == []


def test_changes_are_seen_at_once(sources: Path) -> None:
    app = wrap(inner_app)
    assert call(app, "/static/only.css").body == b"only"
    write(sources / "first/only.css", "now first")
    assert call(app, "/static/only.css").body == b"now first"
    (sources / "first/only.css").unlink()
    write(sources / "second/only.css", "only, but new")
    assert call(app, "/static/only.css").body == b"only, but new"
    (sources / "second/only.css").unlink()
    assert call(app, "/static/only.css").body == b"the app"


def test_a_cached_file_is_checked_at_each_request(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = wrap(inner_app)
    settle()
    assert call(app, "/static/only.css").body == b"only"
    with monkeypatch.context() as patch:
        patch.setattr("wsgistatic.django.finders.single_file", None)  # nothing is opened again
        assert call(app, "/static/only.css").body == b"only"
        assert call(app, "/static/only.css", HTTP_RANGE="bytes=0-1").body == b"on"
    write(sources / "second/only.css", "changed")
    assert call(app, "/static/only.css").body == b"changed"
    write(sources / "first/only.css", "now first")
    assert call(app, "/static/only.css").body == b"now first"
    (sources / "first/only.css").unlink()
    (sources / "second/only.css").unlink()
    assert call(app, "/static/only.css").body == b"the app"


def test_no_cache_without_memory_for_it(
    sources: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(WSGISTATIC={"cache_size": 0})
    app = wrap(inner_app)
    settle()
    assert call(app, "/static/only.css").body == b"only"
    monkeypatch.setattr("wsgistatic.django.finders.single_file", None)
    with pytest.raises(TypeError, match="not callable"):
        call(app, "/static/only.css")


def test_list_of_origins(sources: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"allow_origin": ["https://a.example", "https://b.example"]})
    app = wrap(inner_app)
    for origin, allowed in (
        ("https://b.example", "https://b.example"),
        ("https://c.example", None),
    ):
        headers = call(app, "/static/app.css", HTTP_ORIGIN=origin).headers
        assert headers["Vary"] == "Origin"
        assert headers.get("Access-Control-Allow-Origin") == allowed


def test_ranges_validators_and_no_cache(sources: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"cache_control": "public", "stat_ttl": 9.0, "allow_origin": "*"})
    app = wrap(inner_app)
    whole = call(app, "/static/app.css")
    assert whole.headers["Cache-Control"] == "no-cache"
    assert whole.headers["Access-Control-Allow-Origin"] == "*"
    assert whole.headers["Content-Type"] == "text/css; charset=utf-8"
    ranged = call(app, "/static/app.css", HTTP_RANGE="bytes=1-2")
    assert (ranged.status, ranged.body) == (206, b"ir")
    assert call(app, "/static/app.css", HTTP_RANGE="bytes=99-").status == 416
    assert call(app, "/static/app.css", HTTP_IF_NONE_MATCH=whole.headers["ETag"]).status == 304
    assert call(app, "/static/app.css", HTTP_IF_MATCH='"x"').status == 412
    head = call(app, "/static/app.css", "HEAD")
    assert (head.body, head.headers["Content-Length"]) == (b"", "5")


def test_indexes(sources: Path, configure: Configure) -> None:
    app = wrap(inner_app)
    assert call(app, "/static/docs/").body == b"<p>docs</p>"
    redirect = call(app, "/static/docs?a=b", SCRIPT_NAME="/site")
    assert (redirect.status, redirect.headers["Location"]) == (301, "docs/?a=b")
    assert redirect.headers["Cache-Control"] == "no-cache"
    assert call(app, "/static/vendor/lib/").body == b"<p>lib</p>"
    assert call(app, "/static/vendor/lib").headers["Location"] == "lib/"
    assert call(app, "/static/vendor/").body == b"the app"
    assert call(app, "/static/").body == b"the app"
    write(sources / "second/index.html", "home")
    assert call(app, "/static/").body == b"home"
    assert call(app, "/static").headers["Location"] == "static/"
    configure(WSGISTATIC={"index": None})
    app = wrap(inner_app)
    assert call(app, "/static/docs/").body == b"the app"
    assert call(app, "/static/docs").body == b"the app"


def test_mount_point_without_a_trailing_slash(sources: Path, configure: Configure) -> None:
    configure(STATIC_URL="/", WSGISTATIC={"prefix": "/"})
    write(sources / "first/index.html", "home")
    app = wrap(inner_app)
    assert call(app, "/").body == b"home"
    assert call_raw(app, make_environ("")).body == b"the app"
    assert call(app, "", SCRIPT_NAME="/site").headers["Location"] == "site/"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt", "/static/x/../../secret.txt", "/static//secret.txt",
        "/static/app.css/", "/static/./app.css", "/static/app.css\0", "/static/.hidden",
        "/static/..", "/static-app.css", "/staticapp.css", "/static/docs", "/app.css",
        "/static/\u20ac", "/static/" + "x" * 300, "/static/%2e%2e/secret.txt",
    ],
)  # fmt: skip
def test_hostile_paths_are_misses(sources: Path, configure: Configure, path: str) -> None:
    (sources / "second/docs/index.html").unlink()
    assert call_raw(wrap(inner_app), make_environ(path)).body == b"the app"


def test_longer_name_than_the_prefix_goes_to_the_app(sources: Path) -> None:
    assert call(wrap(inner_app), "/static-notes/app.css").body == b"the app"


def test_other_methods_go_to_the_app(sources: Path) -> None:
    assert call(wrap(inner_app), "/static/app.css", "POST").body == b"the app"


@pytest.mark.free_names
def test_a_short_name_that_is_not_listed_is_a_miss(
    sources: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT, NTFS and SMB open .git as GIT~1 too."""
    for name in ("first/GIT~1/a", "first/real~1/a", "node_modules/GIT~1/a"):
        write(sources / name, name)
    entries = OpenDirectory.__iter__
    monkeypatch.setattr(
        OpenDirectory, "__iter__", lambda self: (e for e in entries(self) if e.name != "GIT~1")
    )
    app = wrap(inner_app)
    assert call(app, "/static/GIT~1/a").body == b"the app"
    assert call(app, "/static/vendor/GIT~1/a").body == b"the app"
    assert call(app, "/static/real~1/a").body == b"first/real~1/a"

    def refuse(self: OpenDirectory) -> Iterator[os.DirEntry[str]]:
        raise PermissionError(errno.EACCES, "no listing")

    monkeypatch.setattr(OpenDirectory, "__iter__", refuse)
    assert call(app, "/static/real~1/a").body == b"the app"


def test_dotfiles(sources: Path, configure: Configure) -> None:
    for dotfiles, body in ((True, b"hidden"), ([".hid*"], b"hidden"), ([".z*"], b"the app")):
        configure(WSGISTATIC={"dotfiles": dotfiles})
        assert call(wrap(inner_app), "/static/.hidden").body == body


@pytest.mark.symlinks
def test_links_are_followed_as_by_collectstatic(sources: Path) -> None:
    (sources / "first/linked").symlink_to(sources / "node_modules")
    assert call(wrap(inner_app), "/static/linked/lib/lib.js").body == b"lib()"


@pytest.mark.special_files
def test_special_files_are_misses(sources: Path) -> None:
    os.mkfifo(sources / "first/pipe")
    (sources / "first/dangling").symlink_to(sources / "nowhere")
    app = wrap(inner_app)
    assert call(app, "/static/pipe").body == b"the app"
    assert call(app, "/static/dangling").body == b"the app"


class StrayingFinder(BaseFinder):
    """A finder that returns files outside its storages."""

    found: Any = None

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize("found", ["outside", "..", "error", []])
def test_finder_results_outside_its_directories_are_misses(
    sources: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    configure(
        STATICFILES_FINDERS=[
            "tests.django.test_finders.StrayingFinder",
            "django.contrib.staticfiles.finders.FileSystemFinder",
            "django.contrib.staticfiles.finders.DefaultStorageFinder",
        ],
        MEDIA_ROOT=sources / "uploads",
    )
    responses = {
        "outside": str(sources / "secret.txt"),
        "..": str(sources / "first/../secret.txt"),
        "error": SuspiciousFileOperation("no"),
    }
    monkeypatch.setattr(StrayingFinder, "found", found if found == [] else responses[found])
    expected = b"first" if found == [] else b"the app"
    assert call(wrap(inner_app), "/static/app.css").body == expected


class DocumentedFinder(BaseFinder):
    """A finder with the documented methods and nothing else, as in its documentation."""

    directory: Any = None
    result: Any = str  # makes the result of ``find`` from the path

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = os.path.join(self.directory, path)
        return type(self).result(found) if os.path.exists(found) else []

    def list(self, ignore_patterns: Any) -> Any:
        return []


class OneArgumentFinder(DocumentedFinder):
    """A finder from before Django had a second parameter."""

    def find(self, path: str) -> Any:  # type: ignore[override]
        return super().find(path)


class RemoteFinder(DocumentedFinder):
    """A finder for a storage that has no local files."""

    storages = ("not a dict",)

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("This backend doesn't support absolute paths.")


@pytest.mark.parametrize("finder", ["DocumentedFinder", "OneArgumentFinder"])
@pytest.mark.parametrize("result", [str, Path, lambda path: [path]])
def test_finders_need_only_the_documented_methods(
    sources: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, finder: str, result: Any
) -> None:
    write(sources / "generated/made.js", "made()")
    write(sources / "generated/index.html", "<p>made</p>")
    monkeypatch.setattr(DocumentedFinder, "directory", sources / "generated")
    monkeypatch.setattr(DocumentedFinder, "result", staticmethod(result))
    names = ("RemoteFinder", finder)
    configure(
        STATICFILES_FINDERS=[
            *(f"tests.django.test_finders.{name}" for name in names),
            "django.contrib.staticfiles.finders.FileSystemFinder",
        ]
    )
    app = wrap(inner_app)
    assert call(app, "/static/made.js").body == b"made()"
    assert call(app, "/static/").body == b"<p>made</p>"
    assert call(app, "/static/only.css").body == b"only"
    for path in ("/static/../../secret.txt", "/static/..", "/static/none.txt", "/static//made.js"):
        assert call_raw(app, make_environ(path)).body == b"the app"


def test_default_storage_finder(sources: Path, configure: Configure) -> None:
    configure(
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.DefaultStorageFinder"],
        MEDIA_ROOT=sources / "second",
    )
    assert call(wrap(inner_app), "/static/only.css").body == b"only"


def test_finders_without_debug_keep_the_cache_control(sources: Path, configure: Configure) -> None:
    configure(DEBUG=False, WSGISTATIC={"finders": True})
    headers = call(wrap(inner_app), "/static/app.css").headers
    assert headers["Cache-Control"] == "max-age=60"


def test_unreadable_file(public_directory: Path, configure: Configure, ordinary_user: None) -> None:
    path = public_directory / "closed.css"
    os.seteuid(0) if os.getuid() == 0 else None
    path.write_text("closed")
    age(path)
    path.chmod(0)
    os.seteuid(65534) if os.getuid() == 0 else None
    configure(DEBUG=True, STATICFILES_DIRS=[public_directory])
    result = call(wrap(inner_app), "/static/closed.css")
    assert result.status == 403
    assert str(path).encode() not in result.body
