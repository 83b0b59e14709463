"""A project on disk follows the steps of the guide, and its own tests pass before and after."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from tests.conftest import age
from tests.django.migration.page import diff, examples
from tests.django.migration.sites import CSS, write_file
from tests.django.project import Project

pytestmark = pytest.mark.slow

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
DEBUG = False
ALLOWED_HOSTS = ["www.example"]
ROOT_URLCONF = "mysite.urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"],
}]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
STATICFILES_DIRS = [BASE_DIR / "assets"]
"""

FILES = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "mysite/__init__.py": "",
    "mysite/urls.py": """
from django.urls import path
from django.views.generic import TemplateView
urlpatterns = [path("", TemplateView.as_view(template_name="home.html"))]
""",
    "templates/home.html": """
{% load static %}<link rel="stylesheet" href="{% static 'app.css' %}">
""",
    "assets/app.css": CSS + "p { background: url(paper.png) }",
    "assets/paper.png": "png",
    "mysite/tests.py": """
import re
from django.templatetags.static import static
from django.test import SimpleTestCase, override_settings

class StaticFilesTests(SimpleTestCase):
    def test_page(self):
        page = self.client.get("/").content.decode()
        url = re.search('href="(.*?)"', page)[1]
        self.assertRegex(url, r"^/static/app\\.[0-9a-f]{12}\\.css$")
        response = self.client.get(url)
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response["Content-Type"].startswith("text/css"))
        self.assertIn("immutable", response["Cache-Control"])
        self.assertIn(b"navy", response.getvalue())

    def test_plain_name(self):
        response = self.client.get("/static/app.css")
        self.assertIn("max-age=60", response["Cache-Control"])
        self.assertNotIn("immutable", response["Cache-Control"])
        self.assertEqual(response["Access-Control-Allow-Origin"], "*")
        self.assertEqual(int(response["Content-Length"]), len(response.getvalue()))

    def test_compressed(self):
        for coding in ("gzip", "br"):
            response = self.client.get(static("app.css"), HTTP_ACCEPT_ENCODING=coding)
            self.assertEqual(response["Content-Encoding"], coding)
            self.assertEqual(response["Vary"], "Accept-Encoding")
            self.assertNotIn(b"navy", response.getvalue())

    def test_not_modified(self):
        first = self.client.get("/static/app.css")
        first.close()
        for name, field in (("HTTP_IF_NONE_MATCH", "ETag"),
                            ("HTTP_IF_MODIFIED_SINCE", "Last-Modified")):
            self.assertEqual(
                self.client.get("/static/app.css", **{name: first[field]}).status_code, 304)

    def test_range(self):
        response = self.client.get("/static/app.css", HTTP_RANGE="bytes=0-3")
        self.assertEqual((response.status_code, response.getvalue()), (206, b"body"))

    def test_head(self):
        response = self.client.head("/static/app.css")
        self.assertEqual((response.status_code, response.getvalue()), (200, b""))

    def test_missing(self):
        self.assertEqual(self.client.get("/static/none.css").status_code, 404)

    @override_settings(STATIC_ROOT="/nowhere")
    def test_other_settings(self):
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.assertEqual(self.client_class().get("/static/app.css").status_code, 404)
""",
}

BEFORE, AFTER = diff()
(OPEN,) = [one for one in examples("python") if one.startswith('WSGISTATIC = {"allow_origin"')]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, content in FILES.items():
        write_file(tmp_path / name, content)
    return Project(tmp_path)


def manage(project: Project, settings: str, *arguments: str) -> str:
    """Run a command with these settings, and return its output."""
    (project.directory / "mysite/settings.py").write_text(SETTINGS + settings)
    done = project.manage(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def sidecars(project: Project) -> dict[str, bytes]:
    root = project.directory / "collected"
    return {path.name: path.read_bytes() for path in root.glob("app.*css.gz")}


def age_collected(project: Project) -> None:
    """Set old mtimes, since there is no Last-Modified in the two seconds after a change."""
    for path in (project.directory / "collected").glob("*.*"):
        age(path)


def test_the_tests_of_a_project_pass_before_and_after(project: Project) -> None:
    assert len([one for one in AFTER.splitlines() if one not in BEFORE.splitlines()]) == 4
    manage(project, BEFORE, "collectstatic", "--noinput")
    age_collected(project)
    assert "Ran 8 tests" in manage(project, BEFORE, "test", "mysite")
    theirs = sidecars(project)

    # The files that WhiteNoise compressed are still used.
    assert "Ran 8 tests" in manage(project, AFTER + OPEN, "test", "mysite")

    manage(project, AFTER + OPEN, "check", "--fail-level", "WARNING")
    manage(project, AFTER + OPEN, "collectstatic", "--clear", "--noinput")
    age_collected(project)
    assert "Ran 8 tests" in manage(project, AFTER + OPEN, "test", "mysite")
    assert theirs.keys() == sidecars(project).keys()
    assert all(theirs[name] != content for name, content in sidecars(project).items())


@pytest.mark.parametrize("options", ["", '{"compress": {"force": True}}'])
def test_files_that_whitenoise_compressed(project: Project, options: str) -> None:
    """Without --clear they stay, although their file has changed, unless force replaces them."""
    manage(project, BEFORE, "collectstatic", "--noinput")
    theirs = sidecars(project)
    css = project.directory / "assets/app.css"
    css.write_text("main { color: red }\n" * 40)
    later = time.time() + 10  # collectstatic compares whole seconds
    os.utime(css, (later, later))
    settings = AFTER
    if options:
        settings += f'STORAGES["staticfiles"]["OPTIONS"] = {options}\n'
    output = manage(project, settings, "collectstatic", "--noinput")
    assert ("sidecars that another tool wrote are left alone" in output) is (not options)
    assert (project.directory / "collected/app.css").read_bytes() == css.read_bytes()
    if not options:
        assert sidecars(project)["app.css.gz"] == theirs["app.css.gz"]
    else:
        assert gzip.decompress(sidecars(project)["app.css.gz"]) == css.read_bytes()


def test_the_check_finds_each_line_that_is_left(project: Project) -> None:
    before = BEFORE.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "wsgistatic.django",')
    output = manage(project, before, "check")
    for name in ("wsgistatic.django.runserver", "StaticFilesMiddleware", "ManifestStaticFiles"):
        assert name in output
    assert output.count("wsgistatic.W007") == 3
