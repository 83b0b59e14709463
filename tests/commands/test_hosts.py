"""Which hosts a served directory may be reached by."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.client import call, call_raw, make_environ
from wsgistatic import StaticFiles
from wsgistatic.commands.hosts import HostCheck

MACHINE = socket.gethostname()


def status(site: Path, host: str | None, *allowed: str, own: str = "127.0.0.1") -> int:
    environ = make_environ("/hello.txt")
    environ["HTTP_HOST"] = host
    if host is None:
        del environ["HTTP_HOST"]
    return call_raw(HostCheck(StaticFiles(None, site), own, allowed), environ).status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8000", "192.168.1.7:1", "[::1]", "[fe80::1]:8000", "localhost",
        "LocalHost:8000", "localhost.", "app.localhost:80", MACHINE, MACHINE.upper() + ":8000",
        None,
    ],
)  # fmt: skip
def test_addresses_and_names_of_this_machine_are_allowed(site: Path, host: str | None) -> None:
    assert status(site, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
        "evillocalhost", "1.2.3", "256.1.1.1", "", "a b", "localhost, evil.example", "[::zz]",
        ".localhost", "evil.example#localhost", "evil.example@localhost", "0x7f.1",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(site: Path, host: str) -> None:
    assert status(site, host) == 421
    assert status(site, host, "*") == 200


def test_the_response(site: Path) -> None:
    app = HostCheck(StaticFiles(None, site), "127.0.0.1", [])
    refused = call(app, "/hello.txt", HTTP_HOST="evil.example")
    assert b"--allow-host NAME" in refused.body
    assert refused.headers["Cache-Control"] == "no-store"
    head = call(app, "/hello.txt", "HEAD", HTTP_HOST="evil.example")
    assert (head.status, head.body) == (421, b"")
    assert head.headers["Content-Length"] == str(len(refused.body))


def test_allowed_names(site: Path) -> None:
    allowed = ("Files.example.", ".lan.example")
    for host in ("files.example", "FILES.EXAMPLE.:80", "lan.example", "a.b.lan.example"):
        assert status(site, host, *allowed) == 200
    for host in ("a.files.example", "evillan.example", "example"):
        assert status(site, host, *allowed) == 421
    assert status(site, "intranet", own="Intranet") == 200


@pytest.mark.parametrize(
    "name", ["", ".", "http://a.example", "a.example:80", "*.example", "a b", "..a", "a/b"]
)
def test_wrong_names(name: str) -> None:
    with pytest.raises(ValueError, match="allow_host must be a host name without scheme"):
        HostCheck(StaticFiles(None, "."), "127.0.0.1", [name])
