"""A real project and its manage.py: check, collectstatic, runserver and runcherrypy."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException

import pytest

from tests.connection import Connection
from tests.django.project import Project

pytestmark = pytest.mark.signals

CSS = b"body { background: url(paper.png) }\n"
STORAGE = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as response:
        return response.status, dict(response.headers), response.read()


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (OSError, HTTPException):
            pass  # the server is restarting
        time.sleep(0.2)
    return False


def test_check_reports_wrong_settings(project: Project) -> None:
    project.append_settings(
        'DEBUG = False; STATIC_ROOT = None; WSGISTATIC = {"media": {"atachment": True}}'
    )
    done = project.manage("check")
    assert done.returncode == 1
    assert "(wsgistatic.W001) STATIC_ROOT is not set." in done.stderr
    assert "(wsgistatic.E002) Unknown option in WSGISTATIC['media']: 'atachment'." in done.stderr
    assert "HINT: Did you mean 'attachment'?" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--nostatic"]])
def test_runserver(project: Project, arguments: list[str]) -> None:
    with project.run_server("runserver", "--noreload", free_address(), *arguments) as server:
        url = server.url
        assert eventually(lambda: get(url + "static/shop/app.css")[2] == CSS)
        assert get(url + "static/vendor/lib.js")[2] == b"lib()\n"
        assert b"--primary" in get(url + "static/admin/css/base.css")[2]
        assert get(url)[2] == b"first /static/shop/app.css\n"
        if arguments:
            status, headers, body = get(url + "static/shop/app.css", Range="bytes=0-3")
            assert (status, body, headers["Cache-Control"]) == (206, b"body", "no-cache")


IN_MIDDLEWARE = (
    'MIDDLEWARE.insert(0, "wsgistatic.django.middleware.StaticFilesMiddleware")\n'
    "WSGI_APPLICATION = None"
)


@pytest.mark.parametrize("settings", ["", "WSGI_APPLICATION = None", IN_MIDDLEWARE])
def test_app_for_runserver(project: Project, settings: str) -> None:
    project.append_settings(f'INSTALLED_APPS.insert(0, "wsgistatic.django.runserver")\n{settings}')
    with project.run_server("runserver", "--noreload", free_address()) as server:
        url = server.url
        assert eventually(lambda: get(url)[2] == b"first /static/shop/app.css\n")
        status, headers, body = get(url + "static/shop/app.css", Range="bytes=0-3")
        assert (status, body, headers["Cache-Control"]) == (206, b"body", "no-cache")
        assert b"--primary" in get(url + "static/admin/css/base.css")[2]


def test_app_for_runserver_without_django_staticfiles(project: Project) -> None:
    project.append_settings(
        'INSTALLED_APPS = ["wsgistatic.django", "shop", "wsgistatic.django.runserver"]\n'
        'MIDDLEWARE = ["wsgistatic.django.middleware.StaticFilesMiddleware"]\n'
        "TEMPLATES = []; ROOT_URLCONF = (); DEBUG = False"
    )
    (project.directory / "collected").mkdir()
    (project.directory / "collected/app.css").write_text("collected")
    with project.run_server("runserver", "--noreload", free_address()) as server:
        assert eventually(lambda: get(server.url + "static/app.css")[2] == b"collected")


def test_app_for_runserver_reloads(project: Project) -> None:
    project.append_settings('INSTALLED_APPS.insert(0, "wsgistatic.django.runserver")')
    views = project.directory / "shop/views.py"
    text = views.read_text()
    with project.run_server("runserver", free_address()) as server:
        assert eventually(lambda: get(server.url)[2].startswith(b"first"))

        def changed() -> bool:
            views.write_text(text.replace('"first"', '"second"'))
            return get(server.url)[2].startswith(b"second")

        assert eventually(changed)
        assert get(server.url + "static/shop/app.css", Range="bytes=0-3")[0] == 206


def test_collectstatic_with_hashed_names(project: Project) -> None:
    project.append_settings(f'STORAGES = {{"staticfiles": {{"BACKEND": "{STORAGE}"}}}}')
    project.append_settings("DEBUG = False")
    done = project.manage("collectstatic", "--noinput")
    assert done.returncode == 0, done.stderr
    names = json.loads((project.directory / "collected/staticfiles.json").read_text())["paths"]
    with project.run_server("runcherrypy", "0") as server, Connection(server.port) as connection:
        hashed = connection.request("/static/" + names["shop/app.css"])
        assert names["shop/paper.png"].rpartition("/")[2].encode() in hashed.body
        assert hashed.headers["Cache-Control"] == "max-age=31536000, immutable"
        plain = connection.request("/static/shop/app.css")
        assert plain.headers["Cache-Control"] == "max-age=60"
        assert (
            connection.request("/").body.decode().split()[1] == "/static/" + names["shop/app.css"]
        )
        assert connection.request("/static/" + names["admin/css/base.css"]).status == 200


def test_runcherrypy(project: Project) -> None:
    project.append_settings("WSGISTATIC = {'media': True}")
    with (
        project.run_server("runcherrypy", "--noreload", "-H", "localhost", "-p", "0") as server,
        Connection(server.port) as connection,
    ):
        assert "System check identified no issues" in server.announcement
        assert "unapplied migration(s)" in server.announcement
        assert connection.request("/").body == b"first /static/shop/app.css\n"
        assert b"--primary" in connection.request("/static/admin/css/base.css").body
        assert b"admin/css/base.css" in get(server.url + "admin/login/")[2]
        assert connection.request("/static/vendor/lib.js").body == b"lib()\n"
        ranged = connection.request("/static/shop/app.css", Range="bytes=-3")
        assert (ranged.status, ranged.body) == (206, b" }\n")
        upload = connection.request("/media/upload.svg")
        assert (upload.status, upload.headers["Content-Type"]) == (200, "image/svg+xml")
        assert "sandbox" in upload.headers["Content-Security-Policy"]
        server.read_until("GET /static/shop/app.css 206 3 bytes=-3\n")


def test_runcherrypy_protects_what_the_project_protects(project: Project) -> None:
    project.append_settings("ALLOWED_HOSTS = []")  # with DEBUG, this machine's names
    with project.run_server("runcherrypy", "--noreload", "0") as server:
        for name in ("localhost", "evil.example"):
            with Connection(server.port) as connection:
                connection.send(f"http://{name}/static/shop/app.css")
                assert connection.read_head().status == (200 if name == "localhost" else 400)
        with Connection(server.port) as connection:
            assert connection.request("/media/upload.svg").status == 404


def test_two_requests_at_the_same_time(project: Project) -> None:
    # Each request waits for the other, so both would fail if they were handled in sequence.
    with (
        project.run_server("runcheroot", "--noreload", "0") as server,
        ThreadPoolExecutor(2) as threads,
    ):
        responses = threads.map(get, [server.url + "meet/"] * 2)
        assert [response[2] for response in responses] == [b"met", b"met"]


def test_upload_of_a_megabyte(project: Project) -> None:
    with project.run_server("runcherrypy", "--noreload", "0") as server:
        request = urllib.request.Request(server.url + "upload/", bytes(1_000_000), method="POST")
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.read() == b"1000000"


@pytest.mark.parametrize("framing", ["Content-Length: 700000000", "Transfer-Encoding: chunked"])
def test_large_body_that_no_view_reads(project: Project, framing: str) -> None:
    with (
        project.run_server("runcherrypy", "--noreload", "0") as server,
        Connection(server.port) as connection,
    ):
        assert get(server.url)[0] == 200  # loads what every request needs
        before = server.peak_memory()
        head = f"POST /nope HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
        connection.socket.sendall(head.encode())
        block = bytes(1_000_000)
        if "chunked" in framing:
            connection.socket.sendall(b"%x\r\n" % 700_000_000)
        for _ in range(700):
            connection.socket.sendall(block)
        if "chunked" in framing:
            connection.socket.sendall(b"\r\n0\r\n\r\n")
        response = connection.read_head()
        assert response.status in (403, 404)
        assert len(connection.file.read(response.length)) == response.length
        assert server.peak_memory() - before < 20_000_000


def test_paused_output(project: Project) -> None:
    project.append_settings("LOGGING = {'version': 1, 'disable_existing_loggers': False}")
    reader, writer = os.pipe()
    with open(reader, "rb") as output:
        process = project.start("runcherrypy", "--noreload", "0", stdout=writer, stderr=writer)
        os.close(writer)
        try:
            announced = next(line for line in output if b"Press Ctrl-C" in line)
            port = int(announced.rpartition(b":")[2].partition(b"/")[0])
            # Each of these requests is logged twice: by the server, and as an error by Django.
            with Connection(port) as connection:
                for _ in range(60):  # eight times the size of the pipe
                    assert connection.request("/nope/" + "x" * 4000).status == 404
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("reload", "number"),
    [
        ("--noreload", signal.SIGINT),
        ("--noreload", signal.SIGTERM),
        ("--reload", signal.SIGTERM),
    ],
)
def test_clean_stop(project: Project, reload: str, number: signal.Signals) -> None:
    with project.run_server("runcherrypy", reload, "0") as server:
        assert get(server.url)[0] == 200
        server.send_signal(number)
        status, output = server.wait()
        assert status == 0
        assert output.endswith("Stopped.\n")
        assert "Traceback" not in output
        with pytest.raises(OSError, match=r"refused|reset"):
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()


def test_control_c_in_a_terminal(project: Project) -> None:
    with project.run_server("runcherrypy", "--reload", "0") as server:
        assert get(server.url)[0] == 200
        while server.is_running():  # somebody keeps the keys pressed
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGINT)
            time.sleep(0.03)
        status, output = server.wait()
        assert status == 0
        assert output.endswith("Stopped.\n")
        assert output.count("Stopped.") == 1
        assert "Traceback" not in output


def test_server_reloads_changed_views(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    views = project.directory / "shop/views.py"
    text = views.read_text()
    with project.run_server("runcherrypy", str(port)) as server:  # it reloads because of DEBUG
        assert get(server.url)[2].startswith(b"first")

        def changed() -> bool:
            # Write repeatedly, because the reloader may not have started yet.
            views.write_text(text.replace('"first"', '"second"'))
            return get(server.url)[2].startswith(b"second")

        assert eventually(changed)


def test_port_in_use(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = project.manage("runcherrypy", "--reload", str(port))
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr
