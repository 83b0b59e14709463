"""A project with settings for development, tests and production, in each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.django.projects.builder import run_python, run_server
from tests.django.projects.layered import make_layered_project
from tests.django.projects.pages import Browser

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_layered_project(tmp_path)


def test_development(project: Path) -> None:
    assert "no issues" in run_python(project, "manage.py", "check")
    command = ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"]
    with run_server(project, *command) as port:
        browser = Browser(port)
        for page in ("/", "/admin/login/"):
            for path, response in browser.files_of_page(page).items():
                browser.check_file(path, response)
                assert response.headers["Cache-Control"] == "no-cache"
        assert browser.request("/media/cover.png").status == 200  # from Django's own view


def test_tests_of_the_project(project: Path) -> None:
    output = run_python(project, "manage.py", "test", DJANGO_SETTINGS_MODULE="config.settings.test")
    assert "Ran 4 tests" in output
    assert "STATIC_ROOT" not in output
