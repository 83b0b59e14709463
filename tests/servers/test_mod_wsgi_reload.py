"""Reload a Django project under mod_wsgi, with the command and documented configuration."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.harness.processes import free_port
from tests.connection import Connection
from tests.documents import passage
from tests.servers.apache import apache_command, as_nobody
from tests.servers.documented import configuration
from tests.servers.mod_wsgi import HOME, express, load_lines, search_path
from tests.servers.processes import run_command
from tests.test_documentation import EXAMPLES

pytestmark = pytest.mark.servers

SITE = "/etc/apache2/sites-enabled/mysite.conf"
URLS = """
from django.urls import path
from mysite import views

urlpatterns = [path("", views.home)]
"""
VIEWS = """
from django.http import HttpResponse


def home(request):
    return HttpResponse("TEXT")
"""
RELOAD_TIMEOUT = 30.0  # seconds; generous, because the machine may be busy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project with ``startproject``, and add a view, a static file and our wsgi.py."""
    project = tmp_path / "project"
    project.mkdir()
    startproject = [sys.executable, "-m", "django", "startproject", "mysite", "."]
    subprocess.run(startproject, cwd=project, check=True)
    for name, text in (
        ("mysite/urls.py", URLS),
        ("mysite/views.py", VIEWS.replace("TEXT", "first")),
        ("mysite/wsgi.py", EXAMPLES["django_nested"]),
        ("static/hello.txt", "hello"),
        ("media/upload.txt", "upload"),
    ):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    return project


class PollingClient(threading.Thread):
    """A thread that requests a static file again and again, each time on a new connection."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._stopping = threading.Event()
        self.responses: list[tuple[int, bytes]] = []

    def run(self) -> None:
        while not self._stopping.wait(0.02):
            self.responses.append(fetch(self._port, "/static/hello.txt"))

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def fetch(port: int, target: str) -> tuple[int, bytes]:
    with Connection(port) as connection:
        response = connection.request(target, Connection="close")
    return response.status, response.body


@contextmanager
def polling(port: int) -> Iterator[PollingClient]:
    client = PollingClient(port)
    client.start()
    try:
        yield client
    finally:
        client.stop()


def change_view(project: Path) -> None:
    # Change the length too, because byte code is checked by the length and whole seconds.
    (project / "mysite" / "views.py").write_text(VIEWS.replace("TEXT", "the second"))


@pytest.mark.parametrize("build", ["pip"], indirect=True)
def test_express_reloads_a_changed_view(tmp_path: Path, project: Path, build: str) -> None:
    port = free_port(())
    words = passage("mod_wsgi-express start-server --port", "\n").replace("8000", str(port)).split()
    command = [*as_nobody(), express(), *words[1:],
               "--server-root", str(tmp_path / "server"), "--python-path", str(HOME)]  # fmt: skip
    with run_command(command, project, port):
        assert fetch(port, "/") == (200, b"first")
        with polling(port) as client:
            change_view(project)
            assert_reloads(port, project / "mysite" / "views.py")
        assert_undisturbed(client)
        assert_live(project, port)


@contextmanager
def configured(
    tmp_path: Path, project: Path, build: str, *, is_daemon: bool = True
) -> Iterator[int]:
    """Run Apache with the documented site; return its port."""
    port = free_port(())
    folder = tmp_path / "server"
    folder.mkdir()
    lines = configuration(
        SITE,
        {
            "*:80": f"127.0.0.1:{port}",
            " \\\n        python-home=/srv/project/.venv": "",
            "python-path=": f"python-path={search_path()}:",
            "/srv/project": str(project),
        },
    )
    if not is_daemon:
        lines = re.sub(r" *WSGI(DaemonProcess|ProcessGroup) .*\n", "", lines)
        lines += f"WSGIPythonPath {search_path()}:{project}\n"
    lines = f"{load_lines(build)}\nWSGISocketPrefix {folder}/socket\n{lines}"
    with run_command(apache_command(folder, port, (), lines), folder, port):
        yield port


def test_daemon_mode_reloads_after_a_touch(tmp_path: Path, project: Path, build: str) -> None:
    with configured(tmp_path, project, build) as port:
        assert fetch(port, "/") == (200, b"first")
        with polling(port) as client:
            change_view(project)
            assert fetch(port, "/") == (200, b"first")
            assert_reloads(port, project / "mysite" / "wsgi.py")
        assert_undisturbed(client)
        assert_live(project, port)


def test_embedded_mode_reloads_only_the_script(tmp_path: Path, project: Path, build: str) -> None:
    wsgi = project / "mysite" / "wsgi.py"
    wsgi.write_text(
        wsgi.read_text()
        .replace('"static", ', f'"{project}/static", ')
        .replace('"media", ', f'"{project}/media", ')
    )  # because embedded mode has no home=
    with configured(tmp_path, project, build, is_daemon=False) as port:
        assert fetch(port, "/") == (200, b"first")
        change_view(project)
        (project / "static" / "added.txt").write_text("added")
        wsgi.write_text(wsgi.read_text().replace('prefix="/static/"', 'prefix="/anew/"'))
        assert fetch(port, "/anew/added.txt") == (200, b"added")
        assert fetch(port, "/") == (200, b"first")


def assert_reloads(port: int, changed: Path) -> None:
    """Wait for the new view, and touch the file every two seconds.

    The monitor of mod_wsgi-express checks once a second, and misses changes that were made before
    it first saw a module.
    """
    deadline = time.monotonic() + RELOAD_TIMEOUT
    touched = 0.0
    while (response := fetch(port, "/")) == (200, b"first"):
        now = time.monotonic()
        assert now < deadline
        if now > touched + 2:
            touched = now
            changed.touch()
        time.sleep(0.02)
    assert response == (200, b"the second")


def assert_undisturbed(client: PollingClient) -> None:
    assert client.responses
    assert set(client.responses) == {(200, b"hello")}


def assert_live(project: Path, port: int) -> None:
    (project / "static" / "hello.txt").write_text("changed")
    assert fetch(port, "/static/hello.txt") == (200, b"changed")
