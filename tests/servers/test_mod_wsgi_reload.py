"""A Django project that changes under mod_wsgi, with the README's command and configuration."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.servers.processes import free_port
from tests.connection import Connection
from tests.servers.apache import apache_command, as_somebody
from tests.servers.mod_wsgi import HOME, express, load_lines, search_path
from tests.servers.starting import listening
from tests.test_readme import EXAMPLES, README

pytestmark = pytest.mark.servers

SECTION = README[README.index("mod_wsgi with reload on change\n---") :]
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"::\n\n((?:    .*\n)+)", SECTION)[:2]]
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
RELOADED = 30.0  # seconds; a busy machine is no failure


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as ``startproject`` makes it, with a view, a static file and our wsgi.py."""
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


class Visitor(threading.Thread):
    """Ask for a static file again and again, each time on a new connection."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._leaving = threading.Event()
        self.answers: list[tuple[int, bytes]] = []

    def run(self) -> None:
        while not self._leaving.wait(0.02):
            self.answers.append(ask(self._port, "/static/hello.txt"))

    def leave(self) -> None:
        self._leaving.set()
        self.join()


def ask(port: int, target: str) -> tuple[int, bytes]:
    with Connection(port) as connection:
        response = connection.request(target, Connection="close")
    return response.status, response.body


@contextmanager
def visited(port: int) -> Iterator[Visitor]:
    visitor = Visitor(port)
    visitor.start()
    try:
        yield visitor
    finally:
        visitor.leave()


def change_view(project: Path) -> None:
    # Of another length: byte code is told from stale by whole seconds and the length.
    (project / "mysite" / "views.py").write_text(VIEWS.replace("TEXT", "the second"))


@pytest.mark.parametrize("build", ["pip"], indirect=True)
def test_a_changed_view_is_served_by_mod_wsgi_express(
    tmp_path: Path, project: Path, build: str
) -> None:
    port = free_port(())
    program, *words = BLOCKS[0].split()
    assert program == "mod_wsgi-express"
    command = [*as_somebody(), express(), *words, "--port", str(port),
               "--server-root", str(tmp_path / "server"), "--python-path", str(HOME)]  # fmt: skip
    with listening(command, project, port):
        assert ask(port, "/") == (200, b"first")
        with visited(port) as visitor:
            change_view(project)
            assert_reloads(port, project / "mysite" / "views.py")
        assert_undisturbed(visitor)
        assert_live(project, port)


@contextmanager
def configured(tmp_path: Path, project: Path, lines: str, build: str) -> Iterator[int]:
    """Run Apache with lines of the README's."""
    port = free_port(())
    folder = tmp_path / "server"
    folder.mkdir()
    lines = lines.replace("python-path=", f"python-path={search_path()}:")
    lines = lines.replace("/srv/project", str(project))
    lines = f"{load_lines(build)}\nWSGISocketPrefix {folder}/socket\n{lines}"
    with listening(apache_command(folder, port, (), lines), folder, port):
        yield port


def test_a_changed_view_is_served_after_a_touch_in_daemon_mode(
    tmp_path: Path, project: Path, build: str
) -> None:
    with configured(tmp_path, project, BLOCKS[1], build) as port:
        assert ask(port, "/") == (200, b"first")
        with visited(port) as visitor:
            change_view(project)
            assert ask(port, "/") == (200, b"first")
            assert_reloads(port, project / "mysite" / "wsgi.py")
        assert_undisturbed(visitor)
        assert_live(project, port)


def test_embedded_only_the_script_is_loaded_anew(tmp_path: Path, project: Path, build: str) -> None:
    lines = re.sub(r"WSGIDaemonProcess.*\nWSGIProcessGroup.*\n", "", BLOCKS[1])
    lines += f"WSGIPythonPath {search_path()}:{project}\n"
    wsgi = project / "mysite" / "wsgi.py"
    wsgi.write_text(
        wsgi.read_text()
        .replace('"static", ', f'"{project}/static", ')
        .replace('"media", ', f'"{project}/media", ')
    )  # there is no home=
    with configured(tmp_path, project, lines, build) as port:
        assert ask(port, "/") == (200, b"first")
        change_view(project)
        (project / "static" / "added.txt").write_text("added")
        wsgi.write_text(wsgi.read_text().replace('prefix="/static/"', 'prefix="/anew/"'))
        assert ask(port, "/anew/added.txt") == (200, b"added")
        assert ask(port, "/") == (200, b"first")


def assert_reloads(port: int, changed: Path) -> None:
    """Wait for the new view, with a touch every two seconds.

    The monitor of mod_wsgi-express looks once a second, and takes a module that it has not seen
    before for unchanged.
    """
    deadline = time.monotonic() + RELOADED
    touched = 0.0
    while (answer := ask(port, "/")) == (200, b"first"):
        now = time.monotonic()
        assert now < deadline
        if now > touched + 2:
            touched = now
            changed.touch()
        time.sleep(0.02)
    assert answer == (200, b"the second")


def assert_undisturbed(visitor: Visitor) -> None:
    assert visitor.answers
    assert set(visitor.answers) == {(200, b"hello")}


def assert_live(project: Path, port: int) -> None:
    (project / "static" / "hello.txt").write_text("changed")
    assert ask(port, "/static/hello.txt") == (200, b"changed")
