"""The servers: which are installed, and the commands that start them, with one process each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

THREADS = 8  # of each server that has threads; wrk has as many connections
APP = "benchmarks.servers.served:application"
NGINX = "nginx"
NGINX_CACHE = "nginx-cache"  # with open_file_cache


@dataclass(frozen=True, slots=True)
class Server:
    """A WSGI server."""

    key: str
    name: str
    version: str
    command: Callable[[int], list[str]]  # port -> command

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def installed_servers() -> list[Server]:
    """Give the WSGI servers that are installed, in the order of the tables."""
    servers = []
    for key, name, command in _SERVERS:
        try:
            version = metadata.version(key)
        except metadata.PackageNotFoundError:
            continue
        servers.append(Server(key, name, version, command))
    return servers


def nginx_version() -> str | None:
    """Give nginx's version; None where it is not installed."""
    program = nginx_program()
    if program is None:
        return None
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return done.stderr.strip().rpartition("/")[2]


def nginx_program() -> str | None:
    """Find nginx, which is often outside of a user's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _own(name: str) -> Callable[[int], list[str]]:
    module = APP.partition(":")[0]
    return lambda port: [sys.executable, "-m", module, name, str(port)]


def _granian(port: int) -> list[str]:
    options = ["--interface", "wsgi", "--workers", "1", "--no-log", "--port", str(port)]
    return [sys.executable, "-m", "granian", *options, APP]


def _gunicorn(port: int) -> list[str]:
    options = ["-c", "python:benchmarks.servers.gunicorn_conf", "-b", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *options, APP]


def _uwsgi(port: int) -> list[str]:
    beside = Path(sys.executable).with_name("uwsgi")
    program = str(beside) if beside.exists() else "uwsgi"
    # A worker's thread stays with its connection: as many threads as connections.
    options = ["--http11-socket", f"127.0.0.1:{port}", "--threads", str(THREADS), "--home"]
    quiet = ["--need-app", "--disable-logging", "--logto2", "/dev/null"]
    return [program, *options, sys.prefix, *quiet, "--wsgi", APP]


_SERVERS: tuple[tuple[str, str, Callable[[int], list[str]]], ...] = (
    ("bjoern", "bjoern", _own("bjoern")),
    ("granian", "Granian", _granian),
    ("gunicorn", "gunicorn gthread", _gunicorn),
    ("cheroot", "cheroot", _own("cheroot")),
    ("waitress", "waitress", _own("waitress")),
    ("uwsgi", "uWSGI http11", _uwsgi),
)
