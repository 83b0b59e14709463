"""The compressing storages, used by ``collectstatic``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test.utils import override_settings

from tests.documents import DOCUMENTATION
from wsgistatic.http.codings import CODINGS

TEXT = "".join(f"/* line {number} of some text */\n" for number in range(300))
EXTENSIONS = {".gz": "gzip", ".zst": "zstd", ".br": "br"}
PLAIN = "wsgistatic.django.storage.CompressedStaticFilesStorage"
MANIFEST = "wsgistatic.django.storage.CompressedManifestStaticFilesStorage"


class Project:
    """A directory of source files and STATIC_ROOT."""

    def __init__(self, root: Path) -> None:
        self.sources, self.root = root / "assets", root / "collected"
        (self.sources / "css").mkdir(parents=True)
        (self.sources / "img").mkdir()
        (self.sources / "css/app.css").write_text(TEXT + 'a { background: url("../img/a.svg") }')
        (self.sources / "img/a.svg").write_text("<svg>" + TEXT + "</svg>")
        (self.sources / "img/photo.png").write_bytes(bytes(3000))
        (self.sources / "tiny.txt").write_text("tiny")

    def collect(self, backend: str, compress: dict[str, Any] | None = None, **options: Any) -> str:
        output = StringIO()
        with override_settings(
            STATICFILES_DIRS=[str(self.sources)],
            STATIC_ROOT=str(self.root),
            STORAGES={
                "staticfiles": {
                    "BACKEND": backend,
                    "OPTIONS": {} if compress is None else {"compress": compress},
                }
            },
        ):
            # Otherwise Django 4.2 ignores OPTIONS in settings that have no settings module.
            vars(settings._wrapped).pop("STATICFILES_STORAGE", None)
            call_command("collectstatic", interactive=False, stdout=output, **options)
        return output.getvalue()

    def collected(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*.*")}

    def assert_sidecars_are_right(self) -> None:
        for path in self.root.rglob("*"):
            if path.suffix in EXTENSIONS:
                coding = CODINGS[EXTENSIONS[path.suffix]]
                original = path.with_suffix("")
                assert b"".join(coding.decode([path.read_bytes()])) == original.read_bytes()
                assert path.stat().st_mtime_ns >= original.stat().st_mtime_ns


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with override_settings(
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        STATIC_URL="/static/",
    ):
        yield Project(tmp_path)


def with_sidecars(*names: str) -> set[str]:
    return {name + extension for name in names for extension in ("", *EXTENSIONS)}


def test_collected_files_get_sidecars(project: Project) -> None:
    output = project.collect(PLAIN, verbosity=2)
    assert project.collected() == with_sidecars("css/app.css", "img/a.svg") | {
        "img/photo.png", "tiny.txt",
    }  # fmt: skip
    assert "Post-processed 'css/app.css' as 'css/app.css.br'" in output
    assert "4 static files copied" in output
    assert "6 post-processed" in output
    project.assert_sidecars_are_right()


def test_second_run_writes_nothing(project: Project) -> None:
    project.collect(PLAIN)
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}
    assert "post-processed" not in project.collect(PLAIN)
    assert before == {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}


def test_hashed_names_get_sidecars_too(project: Project) -> None:
    project.collect(MANIFEST)
    paths = json.loads((project.root / "staticfiles.json").read_text())["paths"]
    assert project.collected() == {
        *with_sidecars("css/app.css", "img/a.svg", paths["css/app.css"], paths["img/a.svg"]),
        *("img/photo.png", paths["img/photo.png"], "tiny.txt", paths["tiny.txt"]),
        "staticfiles.json",
    }
    assert Path(paths["img/a.svg"]).name in (project.root / paths["css/app.css"]).read_text()
    project.assert_sidecars_are_right()


def test_rewritten_hashed_files_are_not_compressed_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.collect(MANIFEST)
    # Django rewrites every style sheet with a new modification time.
    monkeypatch.setattr(type(CODINGS["br"]), "encode", None)
    project.collect(MANIFEST)
    project.assert_sidecars_are_right()


def test_changed_source_gets_new_sidecars(project: Project) -> None:
    project.collect(PLAIN)
    source = project.sources / "img/a.svg"
    source.write_text("<svg>" + TEXT[::-1] + "</svg>")
    os.utime(source, (2_000_000_000, 2_000_000_000))
    assert "3 post-processed" in project.collect(PLAIN)
    project.assert_sidecars_are_right()


def test_sidecars_of_files_that_became_too_small_are_removed(project: Project) -> None:
    project.collect(PLAIN)
    output = project.collect(PLAIN, {"min_size": 1_000_000})
    assert "6 post-processed" in output
    assert project.collected() == {"css/app.css", "img/a.svg", "img/photo.png", "tiny.txt"}


def test_options_of_the_compressor(project: Project) -> None:
    project.collect(PLAIN, {"codings": ["br"], "levels": {"br": 5}, "jobs": 1})
    assert {name for name in project.collected() if "app.css" in name} == {
        "css/app.css", "css/app.css.br",
    }  # fmt: skip
    with pytest.raises(ValueError, match="min_size must be at least 0"):
        project.collect(PLAIN, {"min_size": -1})


@pytest.mark.parametrize("backend", [PLAIN, MANIFEST])
def test_dry_run_writes_nothing(project: Project, backend: str) -> None:
    project.root.mkdir()
    project.collect(backend, dry_run=True)
    assert project.collected() == set()


def test_links_get_sidecars_in_static_root(project: Project) -> None:
    project.collect(PLAIN, link=True)
    assert (project.root / "css/app.css").is_symlink()
    assert with_sidecars("css/app.css") <= project.collected()
    assert not list(project.sources.rglob("*.gz"))
    project.assert_sidecars_are_right()


def test_error_is_raised_after_all_other_files_are_done(project: Project) -> None:
    (project.root / "css/app.css.br").mkdir(parents=True)
    with pytest.raises((IsADirectoryError, CommandError), match="Is a directory"):
        project.collect(PLAIN)
    assert with_sidecars("img/a.svg") <= project.collected()


def test_errors_of_django_come_first(project: Project) -> None:
    (project.sources / "css/app.css").write_text('a { background: url("nothing.svg") }')
    with pytest.raises((ValueError, CommandError), match=r"nothing\.svg"):
        project.collect(MANIFEST)
    assert not list(project.root.rglob("*.gz"))


def test_documented_storages_setting(tmp_path: Path) -> None:
    Project(tmp_path)
    (storages,) = re.findall(
        r"    # settings\.py\n(    STORAGES.*?\n    \}\n)", DOCUMENTATION, re.S
    )
    (tmp_path / "settings.py").write_text(
        "SECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.staticfiles']\n"
        "STATIC_URL = '/static/'\nSTATIC_ROOT = 'collected'\nSTATICFILES_DIRS = ['assets']\n"
        + textwrap.dedent(storages)
    )
    done = subprocess.run(
        [sys.executable, "-m", "django", "collectstatic", "--noinput", "--settings", "settings"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4 static files copied" in done.stdout
    assert len(list((tmp_path / "collected").rglob("app*.css.br"))) == 2
