"""The project of Django's tutorial: startproject, startapp, a template with ``{% static %}``, and
the admin with its own files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.django.projects.builder import append, run_python, run_server, write_files
from tests.django.projects.pages import DECODERS, Browser

pytestmark = pytest.mark.slow

MIDDLEWARE = "wsgistatic.django.middleware.StaticFilesMiddleware"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
POLLS: dict[str, str | bytes] = {
    "polls/urls.py": """
from django.urls import path
from . import views
app_name = "polls"
urlpatterns = [path("", views.index, name="index")]
""",
    "polls/views.py": """
from django.shortcuts import render

def index(request):
    return render(request, "polls/index.html", {"latest_question_list": []})
""",
    "polls/templates/polls/index.html": """
{% load static %}
<link rel="stylesheet" href="{% static 'polls/style.css' %}">
<img src="{% static 'polls/images/background.png' %}" alt="">
<p>No polls are available.</p>
""",
    "polls/static/polls/style.css": """
li a { color: green; }
body { background: white url("images/background.png") no-repeat; }
""",
    "polls/static/polls/images/background.png": PNG,
}
URLS = """
from django.urls import include
urlpatterns.append(path("polls/", include("polls.urls")))
"""
SETTINGS = """
INSTALLED_APPS[:0] = ["polls.apps.PollsConfig", "wsgistatic.django.runserver", "wsgistatic.django"]
ALLOWED_HOSTS = ["localhost"]
DEBUG = False
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "wsgistatic.django.storage.CompressedManifestStaticFilesStorage",
        "OPTIONS": {"exclude": ["admin/js/vendor"]},  # takes seconds, and no test requests it
    },
}
"""


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its files collected, but without wrap or the middleware."""
    directory = tmp_path_factory.mktemp("tutorial")
    run_python(directory, "-m", "django", "startproject", "mysite", ".")
    run_python(directory, "manage.py", "startapp", "polls")
    write_files(directory, POLLS)
    append(directory / "mysite/urls.py", URLS)
    append(directory / "mysite/settings.py", SETTINGS)
    assert "post-processed" in run_python(directory, "manage.py", "collectstatic", "--noinput")
    return directory


class Mode(NamedTuple):
    """A way to serve the project."""

    way: str
    debug: bool


MODES = [Mode(way, debug) for way in ("middleware", "wrap") for debug in (False, True)]
IDS = [f"{mode.way}-debug" if mode.debug else mode.way for mode in MODES]


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest.fixture
def port(collected: Path, tmp_path: Path, mode: Mode) -> Iterator[int]:
    """The port of a server that runs the project, changed as docs/start/django.rst says."""
    directory = shutil.copytree(collected, tmp_path / "project")
    settings = directory / "mysite/settings.py"
    if mode.way == "middleware":
        append(settings, f"MIDDLEWARE.insert(1, {MIDDLEWARE!r})")
    else:
        wrapped = "from wsgistatic.django import wrap\napplication = wrap(application)"
        append(directory / "mysite/wsgi.py", wrapped)
    if mode.debug:
        append(settings, "DEBUG = True")
        shutil.rmtree(directory / "staticfiles")
        server = ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"]
    else:
        server = ["-m", "waitress", "--listen=127.0.0.1:{port}", "mysite.wsgi:application"]
    assert "no issues" in run_python(directory, "manage.py", "check")
    with run_server(directory, *server) as port:
        yield port


@pytest.mark.parametrize("mode", MODES, indirect=True, ids=IDS)
def test_files_of_pages(port: int, mode: Mode) -> None:
    browser = Browser(port)
    files = {**browser.files_of_page("/admin/login/"), **browser.files_of_page("/polls/")}
    assert {path.rpartition(".")[2] for path in files} == {"css", "js", "png", "svg"}
    for path, response in files.items():
        browser.check_file(path, response)
        cache_control = "no-cache" if mode.debug else "max-age=31536000, immutable"
        assert response.headers["Cache-Control"] == cache_control
        codings = browser.codings_of(path, response.body)
        assert codings == (set() if mode.debug or len(response.body) < 200 else DECODERS.keys())
