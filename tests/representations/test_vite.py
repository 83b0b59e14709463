"""Vite's manifest: its hashed names are immutable, and entries are preloaded with their imports."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, make_environ
from tests.conftest import settle
from tests.vite_build import write_build
from wsgistatic import StaticFiles
from wsgistatic.files.changes import read_fully
from wsgistatic.http.fields import preload_link
from wsgistatic.wsgi import urls

IMMUTABLE = "max-age=31536000, immutable"
DEFAULT = "max-age=60"
# As Vite writes it: a shared chunk, an import back to the entry, a dynamic import, and a style
# sheet that is an entry itself.
MANIFEST: dict[str, Any] = {
    "_shared-ChJ_j-JJ.css": {"file": "assets/shared-ChJ_j-JJ.css", "src": "_shared-ChJ_j-JJ.css"},
    "_shared-B7PI925R.js": {
        "file": "assets/shared-B7PI925R.js",
        "name": "shared",
        "css": ["assets/shared-ChJ_j-JJ.css"],
        "imports": ["src/main.js"],
    },
    "src/main.js": {
        "file": "assets/main-settings.js",
        "name": "main",
        "src": "src/main.js",
        "isEntry": True,
        "imports": ["_shared-B7PI925R.js", "src/main.js", "_gone-12345678.js"],
        "dynamicImports": ["src/later.js"],
        "css": ["assets/main-5UjPuW-k.css"],
        "assets": ["assets/font-DxKS3Z1a.woff2"],
    },
    "src/later.js": {"file": "assets/later-aBcD1234.js", "name": "later", "src": "src/later.js"},
    "src/plain-settings.js": {
        "file": "assets/plain-settings.js",
        "name": "plain-settings",
        "css": ["assets/plain-settings.css"],
    },
    "src/v1.js": {"file": "assets/v1.2-abcdefgh.js", "name": "v1.2-abcdefgh"},
    "bare": {"file": "bare"},
    "src/a b.css": {"file": "assets/a b-CHdo91hT.css", "src": "src/a b.css"},
    "src/logo.svg": {"file": "assets/logo-CHdo91hT.svg", "src": "src/logo.svg"},
    "src/font.woff2": {"file": "assets/font-DxKS3Z1a.woff2", "src": "src/font.woff2"},
    "src/data.json": {"file": "assets/data-CHdo91hT.json", "src": "src/data.json"},
}
LISTED = ["assets/shared-ChJ_j-JJ.css", "assets/main-settings.js", "assets/main-5UjPuW-k.css",
          "assets/later-aBcD1234.js", "assets/font-DxKS3Z1a.woff2", "assets/a b-CHdo91hT.css",
          "assets/data-CHdo91hT.json"]  # fmt: skip
OTHERS = ["assets/plain-settings.js", "assets/plain-settings.css", "assets/v1.2-abcdefgh.js",
          "bare", "assets/other-CHdo91hT.js", "main-settings.js", "index.html"]  # fmt: skip


def write_manifest(root: Path, content: Any) -> None:
    path = root / ".vite" / "manifest.json"
    path.parent.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "next.json").write_text(text)
    os.replace(root / "next.json", path)
    settle()


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for name in (*LISTED, *OTHERS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, MANIFEST)
    return tmp_path


def cache_control(app: StaticFiles, name: str) -> str | None:
    response = call(app, "/static/" + name)
    assert response.status == 200
    return response.headers.get("Cache-Control")


@pytest.mark.parametrize("prefix", ["/static/", "/a b/\u00e9/", "/"])
def test_the_names_of_the_manifest_are_immutable(build: Path, prefix: str) -> None:
    app = StaticFiles(None, build, prefix=prefix)
    at = "/" if prefix == "/" else prefix.encode().decode("latin-1")
    for name in (*LISTED, *OTHERS):
        value = IMMUTABLE if name in LISTED else DEFAULT
        assert call(app, at + name).headers["Cache-Control"] == value, name


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["main.bundle.js"], DEFAULT),
        (["v2.bundle.js"], DEFAULT),
        (["main-production.js", "admin-production.js"], DEFAULT),
        (["main-abcdefgh.js", "admin-hgfedcba.js"], IMMUTABLE),
        (["main-abcde1.js"], IMMUTABLE),
    ],
)
def test_a_word_that_a_build_adds_to_names_is_not_a_hash(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    names = [name.partition(".")[0].partition("-")[0] for name in files]
    chunks = {name: {"file": file, "name": name} for name, file in zip(names, files, strict=True)}
    write_manifest(tmp_path, chunks)
    app = StaticFiles(None, tmp_path, prefix="/static/")
    for file in files:
        (tmp_path / file).write_text(file)
        settle()
        assert cache_control(app, file) == expected


def test_a_real_build(tmp_path: Path) -> None:
    app = StaticFiles(None, write_build(tmp_path), prefix="/static/")
    assert cache_control(app, "assets/index-GpEN3EET.js") == IMMUTABLE
    assert cache_control(app, "assets/react-CHdo91hT.svg") == IMMUTABLE
    assert cache_control(app, "favicon.svg") == DEFAULT
    assert app.preload("index.html") == (
        "</static/assets/index-GpEN3EET.js>; rel=modulepreload, "
        "</static/assets/index-D64VDMd1.css>; rel=preload; as=style"
    )


@pytest.mark.parametrize(
    ("options", "listed", "other"),
    [
        ({"immutable": "hashed"}, IMMUTABLE, IMMUTABLE),
        ({"cache_control": "no-cache"}, IMMUTABLE, "no-cache"),
        ({"immutable": r"/other-"}, DEFAULT, IMMUTABLE),
        ({"immutable": lambda path, url: False}, DEFAULT, DEFAULT),
        ({"cache_control": lambda path, url: 5}, "max-age=5", "max-age=5"),
    ],
)
def test_the_options_that_decide_themselves(
    build: Path, options: Any, listed: str, other: str
) -> None:
    app = StaticFiles(None, build, prefix="/static/", **options)
    assert cache_control(app, "assets/later-aBcD1234.js") == listed
    assert cache_control(app, "assets/other-CHdo91hT.js") == other


def test_without_a_manifest(build: Path) -> None:
    (build / ".vite/manifest.json").unlink()
    app = StaticFiles(None, build, prefix="/static/")
    assert cache_control(app, LISTED[0]) == DEFAULT
    assert app.preload("src/main.js") == ""


@pytest.mark.live
def test_the_manifest_is_read_again_when_it_changes(build: Path) -> None:
    app = StaticFiles(None, build, prefix="/static/")
    assert app.preload("new.js") == ""
    write_manifest(build, {"new.js": {"file": "assets/other-CHdo91hT.js"}})
    assert app.preload("new.js") == "</static/assets/other-CHdo91hT.js>; rel=modulepreload"
    assert app.preload("src/main.js") == ""
    assert cache_control(app, "assets/other-CHdo91hT.js") == IMMUTABLE
    assert cache_control(app, LISTED[0]) == DEFAULT
    (build / ".vite/manifest.json").unlink()
    assert app.preload("new.js") == ""


@pytest.mark.change_times
@pytest.mark.live
def test_a_manifest_that_may_still_change_is_read_each_time(build: Path) -> None:
    app = StaticFiles(None, build)
    path = build / ".vite/manifest.json"
    for letter in "abc":
        path.write_text(json.dumps({"x.js": {"file": f"{letter}-CHdo91hT.js"}}))
        os.utime(path, ns=(0, 0))
        assert app.preload("x.js") == f"</{letter}-CHdo91hT.js>; rel=modulepreload"


@pytest.mark.live
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"src/main.js": {"file"', "Expecting"),
        ("[]", "not an object"),
        ('{"a": []}', "not an object"),
        ({"a": {}}, r"\[None\] is not a list of names"),
        ({"a": {"file": 5}}, r"\[5\] is not a list of names"),
        ({"a": {"file": "a", "css": "b"}}, "'b' is not a list of names"),
        ({"a": {"file": "a", "imports": [5]}}, r"\[5\] is not a list of names"),
        ({"a": {"file": "../a"}}, "'../a' is not a path below"),
        ({"a": {"file": "//evil.example/a"}}, "is not a path below"),
        ({"a": {"file": ""}}, "'' is not a path below"),
        pytest.param("[" * 100_000, "recursion", marks=pytest.mark.recursion),
        (" " * 9_000_000, "more than 8,388,608 bytes"),
    ],
)
def test_a_malformed_manifest_is_logged_once(
    build: Path, content: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = StaticFiles(None, build, prefix="/static/")
    before = app.preload("src/main.js")
    write_manifest(build, content)
    for _ in range(2):
        assert app.preload("src/main.js") == before
        assert cache_control(app, LISTED[0]) == IMMUTABLE
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re.search(reason, caplog.text)
    write_manifest(build, {})
    assert app.preload("src/main.js") == ""


@pytest.mark.symlinks
def test_a_manifest_behind_a_link_that_leaves_the_directory(build: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.json"
    os.replace(build / ".vite/manifest.json", outside)
    (build / ".vite/manifest.json").symlink_to(outside)
    assert StaticFiles(None, build).preload("src/main.js") == ""
    assert StaticFiles(None, build, symlinks="follow").preload("src/main.js") != ""


def test_the_manifest_itself_is_not_served(build: Path) -> None:
    assert call(StaticFiles(None, build), "/.vite/manifest.json").status == 404


def test_an_entry_is_preloaded_with_what_it_imports(build: Path) -> None:
    app = StaticFiles(None, build, prefix="/static/", strict_urls=True)
    links = [
        "</static/assets/main-settings.js>; rel=modulepreload",
        "</static/assets/main-5UjPuW-k.css>; rel=preload; as=style",
        "</static/assets/shared-B7PI925R.js>; rel=modulepreload",
        "</static/assets/shared-ChJ_j-JJ.css>; rel=preload; as=style",
    ]
    assert app.preload("src/main.js") == ", ".join(links)
    mounted = app.preload("src/main.js", make_environ("/", SCRIPT_NAME="/app"))
    assert mounted == ", ".join(links).replace("</", "</app/")


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("src/a b.css", "</assets/a%20b-CHdo91hT.css>; rel=preload; as=style"),
        ("src/logo.svg", "</assets/logo-CHdo91hT.svg>; rel=preload; as=image"),
        ("src/font.woff2", "</assets/font-DxKS3Z1a.woff2>; rel=preload; as=font; crossorigin"),
        ("src/data.json", "</assets/data-CHdo91hT.json>; rel=preload; as=fetch; crossorigin"),
    ],
)
def test_an_entry_that_is_not_a_script(build: Path, entry: str, value: str) -> None:
    assert StaticFiles(None, build).preload(entry) == value


def test_an_unknown_entry(build: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = StaticFiles(None, build)
    assert [app.preload("nope.js"), app.preload("nope.js")] == ["", ""]
    assert caplog.messages == [
        "a page names the static file 'nope.js': is not in the Vite manifest"
    ]
    strict = StaticFiles(None, build, strict_urls=True)
    with pytest.raises(FileNotFoundError, match="is not in the Vite manifest") as caught:
        strict.preload("nope.js")
    assert caught.value.filename == "nope.js"


def test_the_value_is_bounded(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    css = ["assets/all-CHdo91hT.css"]
    chunks: dict[str, Any] = {
        f"{n}": {"file": f"assets/{n}-CHdo91hT.js", "css": css} for n in range(500)
    }
    chunks["main"] = {"file": "assets/main-CHdo91hT.js", "imports": list(chunks)}
    write_manifest(build, chunks)
    written: list[str] = []

    def write_link(url: str, media_type: str) -> str:
        written.append(url)
        return preload_link(url, media_type)

    monkeypatch.setattr(urls, "preload_link", write_link)
    links = StaticFiles(None, build).preload("main").split(", ")
    assert len(written) == len(links) + 1  # the rest of a large build costs nothing
    assert links[0] == "</assets/main-CHdo91hT.js>; rel=modulepreload"
    assert sum(".css" in link for link in links) == 1
    assert 50 < len(links) < 500
    assert len(", ".join(links)) <= 3000


def test_a_build_in_another_directory_at_the_same_prefix(build: Path, tmp_path: Path) -> None:
    theme = tmp_path / "theme"
    theme.mkdir()
    base = StaticFiles(None, build, prefix="/static/")
    app = StaticFiles(base, theme, prefix="/static/")
    assert app.preload("src/main.js") == base.preload("src/main.js") != ""


def test_a_build_in_an_archive(build: Path, tmp_path: Path) -> None:
    archive = tmp_path / "build.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("dist/.vite/manifest.json", json.dumps(MANIFEST))
        file.writestr("dist/assets/later-aBcD1234.js", "later")
        file.writestr("bare/assets/later-aBcD1234.js", "later")
    app = StaticFiles(None, zipfile.Path(archive, "dist/"), prefix="/static/")
    assert cache_control(app, "assets/later-aBcD1234.js") == IMMUTABLE
    assert app.preload("src/main.js") == StaticFiles(None, build, "static").preload("src/main.js")
    bare = StaticFiles(None, zipfile.Path(archive, "bare/"), prefix="/static/")
    assert cache_control(bare, "assets/later-aBcD1234.js") == DEFAULT
    assert bare.preload("src/main.js") == ""


def test_a_copy_reads_the_manifest_too(build: Path) -> None:
    app = StaticFiles(None, build, prefix="/static/")
    assert cache_control(pickle.loads(pickle.dumps(app)), LISTED[0]) == IMMUTABLE


def test_the_manifest_is_read_once(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []

    def record(*arguments: Any) -> bytes:
        reads.append(arguments)
        return read_fully(*arguments)

    monkeypatch.setattr("wsgistatic.representations.vite.read_fully", record)
    app = StaticFiles(None, build, prefix="/static/")
    for name in LISTED:
        cache_control(app, name)
        app.preload("src/main.js")
    assert len(reads) == 1
