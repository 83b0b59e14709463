"""``wsgistatic [DIR]``: its options, its help and its errors."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from wsgistatic import __main__ as command
from wsgistatic import servers
from wsgistatic.commands import serve
from wsgistatic.servers import BoundServer
from wsgistatic.wsgi.options import OPTIONS


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the servers by one that is interrupted at once; return how it was called."""
    asked: dict[str, Any] = {}

    def bind(app: Any, host: str, port: int) -> BoundServer:
        def serve() -> None:
            raise KeyboardInterrupt

        asked.update(app=app, host=host, port=port, stopped=False)
        return BoundServer("wsgiref", port or 4242, serve, lambda: asked.update(stopped=True))

    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    monkeypatch.setitem(servers.SERVERS, "cheroot", bind)
    monkeypatch.setitem(servers.SERVERS, "wsgiref", bind)
    return asked


@pytest.mark.posix_output
def test_the_url_is_printed_and_the_server_stops_cleanly(
    site: Path, served: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(site), "--port", "0"]) == 0
    output = capsys.readouterr().out
    assert f"Serving {site} at http://127.0.0.1:4242/ with wsgiref" in output
    assert "pip install cheroot" in output
    assert output.endswith("Stopped.\n")
    assert served["stopped"]


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (["--prefix", "static"], "http://127.0.0.1:8000/static/"),
        (["--host", "0.0.0.0"], "http://localhost:8000/"),
        (["--host", "::1"], "http://[::1]:8000/"),
    ],
)
def test_urls(
    site: Path,
    served: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    url: str,
) -> None:
    command.main([str(site), *arguments])
    assert f" at {url} with" in capsys.readouterr().out


def test_options_reach_the_middleware(
    site: Path, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    def record(app: Any, directory: str, prefix: str, **options: Any) -> Any:
        made.update(options)
        return lambda environ, start_response: []

    monkeypatch.setattr(serve, "StaticFiles", record)
    command.main([str(site)])
    assert made.pop("cache_control") == "no-cache"
    assert made["listing"] is True
    defaults = dict(made)
    command.main(
        [str(site), "--index", "none", "--cache-control", "None", "--allow-origin", "*",
         "--no-nosniff", "--media-types", ".a=b/c", "--media-types", "d=e/f=g", "--charset",
         "none", "--etag", "content", "--symlinks", "deny", "--dotfiles", "--block-size", "5",
         "--max-ranges", "6", "--file-wrapper", "--stat-ttl", "1.5", "--cache-size", "7 MiB",
         "--cache-file-size", "64KiB", "--encodings", "br,gzip",
         "--headers", "X-A=b=c", "--compress", "--no-listing", "--fallback",
         "index.html", "--not-found", "404.html", "--clean-urls", "--immutable", "hashed",
         "--offload", "X-Accel-Redirect:/i/", "--offload-headers", "Link,X-A", "--dictionaries"]
    )  # fmt: skip
    assert made == {
        "index": None,
        "cache_control": None,
        "immutable": "hashed",
        "allow_origin": "*",
        "nosniff": False,
        "media_types": {".a": "b/c", "d": "e/f=g"},
        "charset": None,
        "etag": "content",
        "symlinks": "deny",
        "dotfiles": True,
        "listing": False,
        "fallback": "index.html",
        "not_found": "404.html",
        "clean_urls": True,
        "block_size": 5,
        "max_ranges": 6,
        "file_wrapper": True,
        "encodings": ("br", "gzip"),
        "compress": True,
        "dictionaries": True,
        "offload": ("X-Accel-Redirect", "/i/"),
        "offload_headers": ("Link", "X-A"),
        "headers": {"X-A": "b=c"},
        "stat_ttl": 1.5,
        "cache_size": 7 * 1024**2,
        "cache_file_size": 64 * 1024,
    }
    # A switch does not take the directory for its value.
    for arguments, dotfiles in (
        (["--dotfiles=.zarray,.z*", str(site)], (".zarray", ".z*")),
        (["--dotfiles", str(site)], True),
        (["--no-dotfiles", "--", str(site)], False),
        (["--dotfiles=off", str(site)], False),
    ):
        command.main(arguments)
        assert made["dotfiles"] == dotfiles
    command.main(
        [str(site), "--allow-origin", "none", "--offload", "None", "--cache-control", "60"]
    )
    assert (made["allow_origin"], made["offload"], made["cache_control"]) == (None, None, 60)
    without_use = {"check_dir", "no_store_misses", "on_answer", "strict_urls"}
    assert defaults.keys() | {"cache_control"} == OPTIONS.keys() - without_use


@pytest.mark.posix_output
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--etag", "md5"], "error: --etag must be one of"),
        (["--dotfiles=.*"], "error: --dotfiles must have names and patterns that begin with a dot"),
        (["--dotfiles="], "error: --dotfiles must be one of true, yes,"),
        (["--server", "nginx"], "invalid choice: 'nginx'"),
        (["--port", "99999"], "a port must be from 0 to 65535, not '99999'"),
        (["--port", "\uff18\uff10"], "a port must be from 0 to 65535, not '\uff18\uff10'"),
        (["--port", "http"], "a port must be from 0 to 65535, not 'http'"),
        (
            ["--media-types", "x"],
            "--media-types must be written as NAME=TYPE, such as .foo",
        ),
        (["--immutable", "hash"], "--immutable must be 'hashed', a regular"),
        (["--cache-size", "64 MB"], "--cache-size must be a number of bytes, KiB, MiB or GiB"),
        (["--headers", "X-A=\n"], "--headers X-A must be a header value of printable"),
        (["--port"], "error: --port: expected one argument"),
        (["."] * 2, "error: unexpected argument .\n"),
        (["--prefx", "/static/"], "error: unknown option --prefx; did you mean --prefix?\n"),
        (["--prefx=/static/"], "error: unknown option --prefx; did you mean --prefix?\n"),
        (["--pre", "/static/"], "error: unknown option --pre; did you mean --prefix?\n"),
        (["--zzz"], "error: unknown option --zzz\n"),
        (["-x"], "error: unknown option -x\n"),
        (["--block-size", "0"], "--block-size must be at least 1, not 0"),
        (["--prefix", "https://x.example/"], "--prefix must be a URL path"),
        (["--allow-host", "http://a.example"], "error: --allow-host must be a host name without"),
    ],
)
def test_usage_errors(
    served: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


# cheroot leaks a socket that it cannot bind, until the garbage collector closes it.
leaves_a_socket = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_missing_directory(served: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nowhere"]) == 1
    assert "there is no directory nowhere" in capsys.readouterr().err


@pytest.mark.posix_output
@leaves_a_socket
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
def test_a_port_in_use(site: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert command.main([str(site), "--port", str(port), "--server", server]) == 1
    assert (
        f"port {port} of 127.0.0.1 is in use; choose another with --port" in capsys.readouterr().err
    )


@leaves_a_socket
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
def test_an_address_of_another_machine(
    site: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(site), "--host", "192.0.2.1", "--server", server]) == 1
    assert "cannot listen on 192.0.2.1, port 8000" in capsys.readouterr().err


def test_a_server_that_is_not_installed(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cheroot.wsgi", None)
    assert command.main([str(site), "--server", "cheroot"]) == 1
    assert "cheroot is not installed: pip install cheroot" in capsys.readouterr().err


@pytest.mark.parametrize(("found", "name"), [(object(), "cheroot"), (None, "wsgiref")])
def test_the_default_server(found: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "find_spec", lambda package: found)
    assert servers.default_server() == name


@leaves_a_socket
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize("host", ["a\xff", "x" * 70])
def test_an_impossible_host(
    site: Path, server: str, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(site), "--host", host, "--server", server]) == 1
    assert f"cannot listen on {host}, port 8000" in capsys.readouterr().err


@pytest.mark.posix_output
def test_a_server_that_does_not_stop(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    never = threading.Event()
    ended: list[int] = []

    def wait() -> None:
        never.wait()

    def bind(app: Any, host: str, port: int) -> BoundServer:
        return BoundServer("cheroot", 1, lambda: None, wait)

    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    monkeypatch.setitem(servers.SERVERS, "cheroot", bind)
    monkeypatch.setattr(servers, "_STOP_TIMEOUT", 0.01)
    monkeypatch.setattr("os._exit", ended.append)
    command.main([str(site), "--server", "cheroot"])
    never.set()
    assert ended == [0]
    assert capsys.readouterr().out.endswith("Stopped.\n")


@pytest.mark.posix_output
def test_an_interrupt_before_the_server_is_bound(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []

    def bind(app: Any, host: str, port: int) -> BoundServer:
        raise KeyboardInterrupt

    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    monkeypatch.setitem(servers.SERVERS, "cheroot", bind)
    monkeypatch.setattr("os._exit", ended.append)
    command.main([str(site), "--server", "cheroot"])
    assert ended == [0]
    assert capsys.readouterr().out == "Stopped.\n"


def test_a_repeated_signal_does_not_disturb_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr("signal.signal", handlers.__setitem__)

    def serve() -> None:
        try:
            handlers[signal.SIGINT]()
        except KeyboardInterrupt:
            handlers[signal.SIGTERM]()
            raise

    lines: list[str] = []
    servers.run(lambda: BoundServer("cheroot", 1, serve, lambda: None), lines.append)
    assert lines == ["Stopped."]
    assert handlers == dict.fromkeys(servers.SIGNALS, signal.SIG_IGN)


def test_a_server_that_fails_leaves_the_signals_alone() -> None:
    def bind() -> BoundServer:
        raise OSError

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError):  # noqa: PT011
        servers.run(bind, print)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_highest_port_is_allowed(site: Path, served: dict[str, Any]) -> None:
    assert command.main([str(site), "--port", "65535"]) == 0
    assert served["port"] == 65535


@pytest.mark.byte_names
def test_a_directory_with_an_undecodable_name(
    tmp_path: Path, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"f\xff")
    folder.mkdir()
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "utf-8"))
    assert command.main([str(folder)]) == 0
    assert rb"f\udcff at http" in written.getvalue()


def test_only_one_thread_at_a_time_writes_a_line() -> None:
    alone = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            alone.append(serve._line_lock.locked())
            return super().write(text)

    serve._print(Output(), "a line")
    assert alone == [True]


def test_lines_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        for _ in range(200):
            serve._print(sys.stdout, "x" * 50)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(capsys.readouterr().out.splitlines()) == {"x" * 50}


@pytest.mark.posix_output
@pytest.mark.parametrize("buffering", [-1, 1])
@pytest.mark.parametrize("arguments", [["compress", "{}"], ["explain", "{}", "/hello.txt"]])
def test_a_closed_pipe_ends_a_command_quietly(
    site: Path,
    arguments: list[str],
    buffering: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=buffering) as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert command.main([argument.format(site) for argument in arguments]) == 1
    assert capsys.readouterr().err == ""


def test_an_error_about_a_file_is_not_taken_for_one_about_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> int:
        raise OSError(errno.EIO, "no", "a file")

    monkeypatch.setitem(vars(command)["_COMMANDS"], "explain", fail)
    with pytest.raises(OSError, match="a file"):
        command.main(["explain"])
