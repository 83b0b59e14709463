"""Files that the manifest lists are immutable; other files with hash-like names are not."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage

from tests.client import call
from tests.conftest import settle
from tests.django.conftest import Configure, write
from tests.django.test_wrap import MANIFEST, inner_app
from wsgistatic.django.manifest import find_manifest
from wsgistatic.django.wsgi import wrap

IMMUTABLE = "max-age=31536000, immutable"
DEFAULT = "max-age=60"


def storages(backend: str, **options: Any) -> dict[str, Any]:
    return {**settings.STORAGES, "staticfiles": {"BACKEND": backend, "OPTIONS": options}}


def write_manifest(path: Path, names: dict[str, str]) -> None:
    # With a new inode, as by collectstatic, because the time stamp may stay the same.
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({"paths": names, "version": "1.0"}))


def cache_control(app: Any, path: str) -> str:
    result = call(app, "/static/" + path)
    assert result.status == 200
    return result.headers["Cache-Control"]


@pytest.fixture
def collected(roots: Path, configure: Configure) -> Path:
    configure(STORAGES=storages(MANIFEST))
    root = roots / "root"
    for name in (
        "app.0123456789ab.css",
        "like.0123456789ab.css",
        "d\u00fcr x/b.cafe.js",
        "plain.txt",
    ):
        write(root / name, name)
    names = {
        "app.css": "app.0123456789ab.css", "b.js": "d\u00fcr x/b.cafe.js", "plain.txt": "plain.txt",
    }  # fmt: skip
    write_manifest(root / "staticfiles.json", names)
    return root


def test_only_listed_names_are_immutable(collected: Path) -> None:
    app = wrap(inner_app)
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE
    assert cache_control(app, "d\xc3\xbcr x/b.cafe.js") == IMMUTABLE
    assert cache_control(app, "app.css") == DEFAULT
    assert cache_control(app, "plain.txt") == DEFAULT  # listed, but under its own name
    assert cache_control(app, "like.0123456789ab.css") == DEFAULT


def test_project_without_a_static_files_storage(collected: Path, configure: Configure) -> None:
    configure(STORAGES={"default": settings.STORAGES["default"]})
    assert cache_control(wrap(inner_app), "app.0123456789ab.css") == DEFAULT


def test_sidecar_of_a_listed_file(collected: Path) -> None:
    coded = gzip.compress((collected / "app.0123456789ab.css").read_bytes())
    (collected / "app.0123456789ab.css.gz").write_bytes(coded)
    settle()
    fields = {"HTTP_ACCEPT_ENCODING": "gzip, identity;q=0"}
    result = call(wrap(inner_app), "/static/app.0123456789ab.css", **fields)
    assert (result.body, result.headers["Content-Encoding"]) == (coded, "gzip")
    assert result.headers["Cache-Control"] == IMMUTABLE


@pytest.mark.live
def test_manifest_is_read_under_the_lock(collected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = find_manifest("/static/")
    assert manifest is not None
    original, locked = manifest._storage.load_manifest, []

    def load_manifest() -> Any:
        locked.append(manifest._lock.locked())
        return original()

    monkeypatch.setattr(manifest._storage, "load_manifest", load_manifest)
    write_manifest(collected / "staticfiles.json", {"new.css": "new.cafe.css"})
    assert manifest.lists("", "/static/new.cafe.css")
    assert locked == [True]


@pytest.mark.live
def test_new_manifest_is_used_without_a_restart(collected: Path) -> None:
    app = wrap(inner_app)
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE
    write(collected / "new.cafe.css", "new")
    write_manifest(collected / "staticfiles.json", {"new.css": "new.cafe.css"})
    assert cache_control(app, "new.cafe.css") == IMMUTABLE
    write(collected / "app.0123456789ab.css", "touched")
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE  # cached pages still refer to it


def test_manifest_that_is_created_later(collected: Path) -> None:
    (collected / "staticfiles.json").unlink()
    app = wrap(inner_app)
    assert cache_control(app, "like.0123456789ab.css") == DEFAULT
    write_manifest(collected / "staticfiles.json", {"app.css": "app.0123456789ab.css"})
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE


def test_manifest_that_is_being_written(collected: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = wrap(inner_app)
    (collected / "staticfiles.json").write_text('{"paths"')
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE
    assert "the manifest of static files cannot be read" in caplog.text
    (collected / "staticfiles.json").unlink()
    assert cache_control(app, "d\xc3\xbcr x/b.cafe.js") == IMMUTABLE


class ElsewhereStorage(ManifestStaticFilesStorage):
    """A storage whose manifest is outside STATIC_ROOT and has a different name."""

    manifest_name = "names.json"

    def __init__(self, **options: Any) -> None:
        storage = StaticFilesStorage(location=os.fspath(settings.STATIC_ROOT) + "-manifest")
        super().__init__(manifest_storage=storage, **options)


def test_manifest_outside_static_root(collected: Path, configure: Configure) -> None:
    configure(STORAGES=storages("tests.django.test_manifest.ElsewhereStorage"))
    path = collected.parent / "root-manifest/names.json"
    path.parent.mkdir()
    write_manifest(path, {"like.css": "like.0123456789ab.css"})
    app = wrap(inner_app)
    assert cache_control(app, "like.0123456789ab.css") == IMMUTABLE
    assert cache_control(app, "app.0123456789ab.css") == DEFAULT


class RemoteStorage(StaticFilesStorage):
    """A storage without local paths."""

    def path(self, name: str | os.PathLike[str]) -> str:
        raise NotImplementedError

    def open(self, name: str, mode: str = "rb") -> Any:
        return (Path(settings.STATIC_ROOT) / name).open(mode)


class RemoteManifestStorage(ManifestStaticFilesStorage):
    def __init__(self, **options: Any) -> None:
        super().__init__(manifest_storage=RemoteStorage(), **options)


def test_manifest_in_a_remote_storage_is_read_once(collected: Path, configure: Configure) -> None:
    configure(STORAGES=storages("tests.django.test_manifest.RemoteManifestStorage"))
    app = wrap(inner_app)
    (collected / "staticfiles.json").unlink()
    assert cache_control(app, "app.0123456789ab.css") == IMMUTABLE


@pytest.mark.parametrize(
    ("options", "listed", "other"),
    [
        ({"cache_control": "no-store"}, IMMUTABLE, "no-store"),
        ({"cache_control": lambda path, url: "private"}, "private", "private"),
        ({"immutable": None}, DEFAULT, DEFAULT),
        ({"immutable": r"app\.css$"}, DEFAULT, IMMUTABLE),
    ],
)
def test_settings_override_the_manifest(
    collected: Path, configure: Configure, options: dict[str, Any], listed: str, other: str
) -> None:
    configure(WSGISTATIC=options)
    app = wrap(inner_app)
    assert cache_control(app, "app.0123456789ab.css") == listed
    assert cache_control(app, "app.css") == other


def test_storage_without_a_manifest(collected: Path, configure: Configure) -> None:
    configure(STORAGES=storages("django.contrib.staticfiles.storage.StaticFilesStorage"))
    assert cache_control(wrap(inner_app), "app.0123456789ab.css") == DEFAULT
