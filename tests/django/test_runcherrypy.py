"""The options and error messages of ``manage.py runcherrypy``."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from tests.client import call
from tests.django.conftest import Configure
from wsgistatic.django.management.commands import runcherrypy
from wsgistatic.servers import BoundServer

# cheroot does not close a socket that it could not bind; the garbage collector does.
leaks_a_socket = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def served(roots: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace cheroot by a server that stops at once; return the arguments it is bound with."""
    arguments_seen: dict[str, Any] = {}

    def bind(app: Any, host: str, port: int, threads: int, largest_body: int) -> BoundServer:
        arguments_seen.update(app=app, host=host, port=port, threads=threads)
        return BoundServer("cheroot", port or 4242, lambda: None, lambda: None)

    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    monkeypatch.setattr("wsgistatic.servers.bind_cheroot", bind)
    configure(SETTINGS_MODULE="mysite.settings", WSGI_APPLICATION=None)
    return arguments_seen


@pytest.mark.posix_output
@pytest.mark.parametrize(
    ("arguments", "address", "url"),
    [
        ([], ("127.0.0.1", 8000, 32), "http://127.0.0.1:8000/"),
        (["9000"], ("127.0.0.1", 9000, 32), "http://127.0.0.1:9000/"),
        (["0"], ("127.0.0.1", 0, 32), "http://127.0.0.1:4242/"),
        (["0.0.0.0:80"], ("0.0.0.0", 80, 32), "http://localhost:80/"),
        (["[::1]:80"], ("::1", 80, 32), "http://[::1]:80/"),
        (["intranet.example:80"], ("intranet.example", 80, 32), "http://intranet.example:80/"),
        (["-H", "::1", "-p", "81"], ("::1", 81, 32), "http://[::1]:81/"),
        (["1.2.3.4:80", "--port", "0"], ("1.2.3.4", 0, 32), "http://1.2.3.4:4242/"),
        (["--threads", "4"], ("127.0.0.1", 8000, 4), "http://127.0.0.1:8000/"),
    ],
)
def test_addresses(
    served: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    address: tuple[str, int, int],
    url: str,
) -> None:
    call_command("runcherrypy", *arguments)
    assert (served["host"], served["port"], served["threads"]) == address
    output = capsys.readouterr().out
    assert f"Serving mysite.settings at {url} with cheroot. Press Ctrl-C to stop.\n" in output
    assert output.endswith("Stopped.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x"], "argument addrport: must be a port or address:port, not 'x'"),
        (["a:b:80"], "argument addrport: must be a port or address:port, not 'a:b:80'"),
        (["65536"], "argument addrport: a port must be from 0 to 65535, not '65536'"),
        (["-p", "http"], "argument -p/--port: a port must be from 0 to 65535, not 'http'"),
        (["-p", "000000070000"], "argument -p/--port: a port must be from 0 to 65535, not '000"),
        (["--threads", "0"], "argument --threads: threads must be from 1 to 1000, not '0'"),
        (["--threads", "many"], "argument --threads: threads must be from 1 to 1000, not 'many'"),
    ],
)
def test_usage_errors(served: dict[str, Any], arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("runcherrypy", *arguments)


def test_system_checks_run_first(
    served: dict[str, Any], configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("runcherrypy", skip_checks=False)
    assert "System check identified no issues" in capsys.readouterr().out
    configure(WSGISTATIC={"stat_ttl": -1})
    served.clear()
    with pytest.raises(SystemCheckError, match="stat_ttl must be at least 0"):
        call_command("runcherrypy", skip_checks=False)
    with pytest.raises(CommandError, match="stat_ttl must be at least 0"):
        call_command("runcherrypy", skip_checks=True)
    assert served == {}


def test_static_url_is_required(served: dict[str, Any], configure: Configure) -> None:
    configure(STATIC_URL=None)
    with pytest.raises(CommandError, match="STATIC_URL is not set"):
        call_command("runcherrypy", "--skip-checks")


@pytest.mark.parametrize(
    ("values", "there"),
    [
        ({}, False),
        ({"WSGISTATIC": {"media": True}}, True),
        ({"WSGISTATIC": {"media": {}}}, True),
        ({"MEDIA_URL": "https://media.example/"}, False),
        ({"WSGISTATIC": {"media": False}}, False),
        ({"MEDIA_ROOT": ""}, False),
        ({"MEDIA_URL": ""}, False),
    ],
)
def test_media_is_served_only_on_request(
    served: dict[str, Any], configure: Configure, values: dict[str, Any], there: bool
) -> None:
    configure(**values)
    call_command("runcherrypy")
    result = call(served["app"], "/media/photo.jpg")
    assert (result.status, result.body == b"photo") == ((200, True) if there else (404, False))


def test_output_of_the_caller(served: dict[str, Any]) -> None:
    output = io.StringIO()
    call_command("runcherrypy", stdout=output)
    assert output.getvalue().endswith("Stopped.\n")


def test_allowed_hosts_is_required(served: dict[str, Any], configure: Configure) -> None:
    configure(ALLOWED_HOSTS=[])
    with pytest.raises(CommandError, match="ALLOWED_HOSTS must be set"):
        call_command("runcherrypy")


def test_without_cheroot(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runcherrypy, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r'needs cheroot: pip install "wsgistatic\[serve\]"'):
        call_command("runcherrypy")


@leaks_a_socket
def test_address_of_another_machine(roots: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot listen on 192\.0\.2\.1, port 8000"):
        call_command("runcherrypy", "-H", "192.0.2.1")


@pytest.fixture
def reloader(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace Django's reloader by a function that runs the command in this process."""
    state: dict[str, Any] = {"end": None}

    def run_with_reloader(main: Any, *arguments: Any) -> None:
        state["reloads"] = True
        main(*arguments)
        if state["end"] is not None:
            raise SystemExit(state["end"])

    monkeypatch.setattr("django.utils.autoreload.run_with_reloader", run_with_reloader)
    return state


@pytest.mark.parametrize(
    ("debug", "arguments", "reloads"),
    [
        (True, [], True), (False, [], False), (True, ["--noreload"], False),
        (True, ["--no-reload"], False), (False, ["--reload"], True),
    ],
)  # fmt: skip
def test_reloading_follows_debug(
    served: dict[str, Any],
    configure: Configure,
    reloader: dict[str, Any],
    debug: bool,
    arguments: list[str],
    reloads: bool,
) -> None:
    configure(DEBUG=debug)
    call_command("runcherrypy", *arguments)
    assert reloader.get("reloads", False) == reloads
    assert served["port"] == 8000


@pytest.mark.posix_output
@pytest.mark.parametrize(("role", "last"), [("parent", "Stopped.\n"), ("true", "to stop.\n")])
@pytest.mark.parametrize("end", [0, None])
def test_only_the_parent_announces_the_stop(
    served: dict[str, Any],
    reloader: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    role: str,
    last: str,
    end: int | None,
) -> None:
    monkeypatch.setenv("RUN_MAIN", role)
    reloader["end"] = end
    call_command("runcherrypy", "--reload")
    assert capsys.readouterr().out.endswith(last)


def test_exit_status_of_a_reload(served: dict[str, Any], reloader: dict[str, Any]) -> None:
    reloader["end"] = 3
    with pytest.raises(SystemExit) as raised:
        call_command("runcherrypy", "--reload")
    assert raised.value.code == 3


def test_reloader_keeps_running_after_wrong_settings(
    served: dict[str, Any],
    reloader: dict[str, Any],
    configure: Configure,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(WSGISTATIC={"stat_ttl": -1})
    call_command("runcherrypy", "--reload")
    assert "stat_ttl must be at least 0" in capsys.readouterr().err
    assert served == {}


@pytest.mark.posix_output
@leaks_a_socket
def test_reloader_exits_if_the_port_is_in_use(
    roots: Path,
    reloader: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr("os._exit", end)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as raised:
        call_command("runcherrypy", "--reload", str(taken.getsockname()[1]))
    assert raised.value.code == 1
    assert "is in use; choose another with --port" in capsys.readouterr().err


def test_runcheroot_is_an_alias() -> None:
    from wsgistatic.django.management.commands import runcheroot

    assert runcheroot.Command is runcherrypy.Command
