"""Whole Django projects in production, under gunicorn with threads and with ASGI workers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.django.projects.builder import run_python, run_server
from tests.django.projects.layered import make_layered_project
from tests.django.projects.pages import DECODERS, Browser
from tests.servers.conftest import skip_if_missing

pytestmark = pytest.mark.servers

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "DJANGO_SECRET_KEY": "x" * 50 + "0123456789",
    "DJANGO_ALLOWED_HOSTS": "localhost,club.example",
}
GUNICORN = ["-m", "gunicorn", "--bind=127.0.0.1:{port}", "--workers=2"]
COMMANDS = {
    "gunicorn": [*GUNICORN, "--threads=4", "config.wsgi"],
    "gunicorn with uvicorn": [
        *GUNICORN, "--worker-class=uvicorn_worker.UvicornWorker", "config.asgi",
    ],
    "uvicorn": ["-m", "uvicorn", "--host=127.0.0.1", "--port={port}", "config.asgi:application"],
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = make_layered_project(tmp_path_factory.mktemp("layered"))
    run_python(directory, "manage.py", "collectstatic", "--noinput", **ENVIRONMENT)
    assert "wsgistatic" not in run_python(
        directory, "manage.py", "check", "--deploy", **ENVIRONMENT
    )
    return directory


@pytest.fixture(params=COMMANDS)
def port(request: pytest.FixtureRequest, project: Path) -> Iterator[int]:
    for module in ("gunicorn", "uvicorn", "uvicorn_worker"):
        skip_if_missing("" if find_spec(module) else module)
    with run_server(project, *COMMANDS[request.param], **ENVIRONMENT) as port:
        yield port


def test_files_of_pages(port: int) -> None:
    browser = Browser(port, X_Forwarded_Proto="https")
    files = {**browser.files_of_page("/"), **browser.files_of_page("/admin/login/")}
    assert {path.rpartition(".")[2] for path in files} == {"css", "ico", "js", "svg", "woff2"}
    for path, response in files.items():
        browser.check_file(path, response)
        assert response.headers["Cache-Control"] == "max-age=31536000, immutable"
        assert response.headers["Strict-Transport-Security"] == "max-age=60; includeSubDomains"
        is_coded = path.endswith((".css", ".js", ".svg"))
        codings = browser.codings_of(path, response.body)
        assert codings == (DECODERS.keys() if is_coded else set()), path
        plain = Browser(port).request(path)
        assert (plain.status, plain.headers["Location"]) == (301, f"https://localhost{path}")


def test_requests_that_get_no_file(port: int) -> None:
    browser = Browser(port, X_Forwarded_Proto="https")
    path = next(iter(browser.files_of_page("/")))
    for other in ("/static/nope.css", "/static/%2e%2e/manage.py", "/static/", "/media/cover.png"):
        assert browser.request(other).status == 404
    assert browser.request(path, "POST").status in (403, 404)
