"""The compressing storages, used by ``collectstatic``."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.template import Context, Engine
from django.templatetags.static import static
from django.test.utils import override_settings

from tests.deltas import decode
from tests.documents import DOCUMENTATION
from wsgistatic.django.storage import CompressedManifestStaticFilesStorage
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

    @contextmanager
    def settings(self, backend: str, **options: Any) -> Iterator[None]:
        """Use a storage with these OPTIONS."""
        with override_settings(
            STATICFILES_DIRS=[str(self.sources)],
            STATIC_ROOT=str(self.root),
            STORAGES={"staticfiles": {"BACKEND": backend, "OPTIONS": options}},
        ):
            # Otherwise Django 4.2 ignores OPTIONS in settings that have no settings module.
            vars(settings._wrapped).pop("STATICFILES_STORAGE", None)
            yield

    def collect(
        self,
        backend: str,
        compress: dict[str, Any] | None = None,
        arguments: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Run collectstatic with these arguments, and a storage with these OPTIONS."""
        output = StringIO()
        if compress is not None:
            options["compress"] = compress
        with self.settings(backend, **options):
            call_command("collectstatic", interactive=False, stdout=output, **(arguments or {}))
        return output.getvalue()

    def collected(self) -> set[str]:
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*.*")}

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


@pytest.mark.posix_output
def test_collected_files_get_sidecars(project: Project) -> None:
    output = project.collect(PLAIN, arguments={"verbosity": 2})
    assert project.collected() == with_sidecars("css/app.css", "img/a.svg") | {
        "img/photo.png", "tiny.txt",
    }  # fmt: skip
    assert "Post-processed 'css/app.css' as 'css/app.css.br'" in output
    assert "4 static files copied" in output
    assert "6 post-processed" in output
    project.assert_sidecars_are_right()


@pytest.mark.free_names
def test_names_cannot_forge_output(project: Project) -> None:
    (project.sources / "a\n::error::\x1b[2J.js").write_text(TEXT)
    for backend in (PLAIN, MANIFEST):
        lines = project.collect(backend, arguments={"verbosity": 2}).splitlines()
        ours = [line for line in lines if line.startswith("Post-processed 'a")]
        assert len(ours) == {PLAIN: 3, MANIFEST: 4}[backend]
        assert "\x1b" not in "".join(ours)
        assert ours[0].startswith("Post-processed 'a\\x0a::error::\\x1b[2J.js' as 'a")


@pytest.mark.posix_output
def test_sidecars_of_other_tools_are_left_alone(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    (project.sources / "img/a.svg.gz").write_bytes(b"by another tool")
    project.collect(PLAIN)
    (message,) = caplog.messages
    assert message.startswith(
        "sidecars that another tool wrote are left alone: 1, such as img/a.svg.gz (it is not gzip"
    )
    assert (project.root / "img/a.svg.gz").read_bytes() == b"by another tool"
    assert with_sidecars("css/app.css") <= project.collected()
    project.collect(PLAIN, {"force": True})
    project.assert_sidecars_are_right()


@pytest.mark.symlinks
def test_a_directory_that_leads_out_of_static_root_gets_no_sidecars(
    project: Project, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.root.mkdir()
    (project.root / "css").symlink_to(elsewhere)
    project.collect(PLAIN)
    assert {path.name for path in elsewhere.iterdir()} == {"app.css"}
    assert with_sidecars("img/a.svg") <= project.collected()


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
    project.collect(backend, arguments={"dry_run": True})
    assert project.collected() == set()


@pytest.mark.symlinks
def test_links_get_sidecars_in_static_root(project: Project) -> None:
    project.collect(PLAIN, arguments={"link": True})
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


@pytest.mark.parametrize(
    "storages",
    re.findall(r"^(    STORAGES = .*?\n    \}\n)", DOCUMENTATION, re.S | re.M),
    ids=itertools.count(),
)
def test_documented_storages_setting(tmp_path: Path, storages: str) -> None:
    Project(tmp_path)
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


def test_excluded_files_get_no_sidecars(project: Project) -> None:
    (project.sources / "vendor").mkdir()
    (project.sources / "vendor/lib.js").write_text(TEXT)
    project.collect(MANIFEST, exclude=["vendor", "*.svg"])
    compressed = {name for name in project.collected() if Path(name).suffix in EXTENSIONS}
    assert {name.partition(".")[0] for name in compressed} == {"css/app"}
    assert len(compressed) == 2 * len(EXTENSIONS)  # of the plain name, and of the hashed one


class _LenientStorage(CompressedManifestStaticFilesStorage):
    manifest_strict = False  # as Django documents it


def test_a_subclass_sets_manifest_strict(project: Project) -> None:
    backend = f"{__name__}.{_LenientStorage.__name__}"
    project.collect(backend)
    (project.sources / "late.css").write_text("late")
    (project.root / "late.css").write_text("late")
    with project.settings(backend):
        assert re.fullmatch(r"/static/late\.\w{12}\.css", static("late.css"))
    with (
        project.settings(backend, manifest_strict=True),
        pytest.raises(ValueError, match="Missing staticfiles manifest entry"),
    ):
        static("late.css")
    with (
        project.settings(backend, manifest_strict=1),
        pytest.raises(TypeError, match="manifest_strict must be True or False, not 1"),
    ):
        static("late.css")


@pytest.mark.parametrize("exclude", ["*.map", [5]])
def test_wrong_globs(project: Project, exclude: Any) -> None:
    with pytest.raises(TypeError, match=r"exclude must be a sequence of globs such as '\*\.map'"):
        project.collect(PLAIN, exclude=exclude)


@pytest.mark.posix_output  # the second time, Django writes backslashes into the manifest
def test_only_hashed_names_are_kept(project: Project) -> None:
    for _ in range(2):
        project.collect(MANIFEST, keep_only_hashed=True)
        paths = json.loads((project.root / "staticfiles.json").read_text())["paths"]
        assert project.collected() == {
            *with_sidecars(paths["css/app.css"], paths["img/a.svg"]),
            *(paths["img/photo.png"], paths["tiny.txt"], "staticfiles.json"),
        }
        project.assert_sidecars_are_right()
    assert len(list(project.sources.rglob("*.*"))) == 4
    with pytest.raises(TypeError, match="keep_only_hashed must be True or False, not 1"):
        project.collect(MANIFEST, keep_only_hashed=1)


def test_dry_run_deletes_nothing(project: Project) -> None:
    project.collect(MANIFEST)
    before = project.collected()
    project.collect(MANIFEST, arguments={"dry_run": True}, keep_only_hashed=True)
    assert project.collected() == before


def test_nothing_is_deleted_after_an_error(project: Project) -> None:
    (project.sources / "css/app.css").write_text('a { background: url("nothing.svg") }')
    with pytest.raises((ValueError, CommandError), match=r"nothing\.svg"):
        project.collect(MANIFEST, keep_only_hashed=True)
    assert {"css/app.css", "img/a.svg"} <= project.collected()


def test_file_that_is_not_in_the_manifest(project: Project) -> None:
    (project.sources / "late.css").write_text("late")
    source = "{% load static %}\n\n{% static name %}"
    loader = "django.template.loaders.locmem.Loader"
    engine = Engine(
        loaders=[(loader, {"shop/home.html": source})],
        libraries={"static": "django.templatetags.static"},
    )
    project.collect(MANIFEST)
    with project.settings(MANIFEST, keep_only_hashed=True):
        (project.root / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}')
        with pytest.raises(ValueError, match="Missing staticfiles manifest entry") as raised:
            engine.get_template("shop/home.html").render(Context({"name": "late.css"}))
        assert str(raised.value) == (
            "Missing staticfiles manifest entry for 'late.css', requested in shop/home.html, "
            f"line 3. Run collectstatic, which finds {project.sources / 'late.css'}."
        )
        for name in ("css/lost.css", "/css/app.css", "../app.css"):
            with pytest.raises(ValueError, match="Missing staticfiles manifest entry") as raised:
                static(name)
            assert str(raised.value) == (
                f"Missing staticfiles manifest entry for '{name}'. No finder finds it."
            )
    with project.settings(MANIFEST, manifest_strict=False):
        assert re.fullmatch(r"/static/late\.\w{12}\.css", static("late.css"))
        with pytest.raises(ValueError, match=r"'css/lost.css' could not be found.*No finder"):
            static("css/lost.css")


def test_deltas_against_the_previous_manifest(project: Project) -> None:
    source = project.sources / "css/app.css"
    project.collect(MANIFEST, dictionaries=True)
    assert not list(project.root.rglob("*.dcz"))  # the first release has no older one
    (old,) = project.root.glob("css/app.*.css")
    project.collect(MANIFEST, dictionaries=True)
    assert not list(project.root.rglob("*.dcz"))  # nothing has changed
    source.write_text(source.read_text().replace("line 7 ", "line seven "))
    project.collect(MANIFEST)
    assert not list(project.root.rglob("*.dcz"))  # the option is off
    (second,) = set(project.root.glob("css/app.*.css")) - {old}
    source.write_text(source.read_text().replace("line 9 ", "line nine "))
    output = project.collect(MANIFEST, dictionaries=True, arguments={"verbosity": 2})
    (new,) = set(project.root.glob("css/app.*.css")) - {old, second}
    digits = sha256(second.read_bytes()).hexdigest()
    delta = new.with_name(f"{new.name}.{digits}.dcz")
    assert list(project.root.rglob("*.dcz")) == [delta]
    assert f"as 'css/{delta.name}'" in output
    assert decode(delta.read_bytes(), second.read_bytes()) == new.read_bytes()
    # Without a manifest, there is no previous release.
    project.collect(PLAIN, dictionaries=True)
    with pytest.raises(TypeError, match="dictionaries must be"):
        project.collect(PLAIN, dictionaries="yes")
