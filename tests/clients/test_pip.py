"""pip installs from a directory of wheels, and reads metadata with range requests."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.clients.conftest import SIZE
from tests.clients.programs import TIMEOUT
from tests.clients.recording import Recorder, run_recorded_server
from tests.conftest import age

pytestmark = pytest.mark.clients

WHEEL = "/simple/{0}/{0}-1.0-py3-none-any.whl"


def make_wheel(folder: Path, name: str, content: bytes, *requires: str) -> Path:
    """Build a wheel of version 1.0 that contains a file ``NAME.bin``."""
    folder.mkdir(parents=True)
    wheel, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    metadata += "".join(f"Requires-Dist: {exchange}\n" for exchange in requires)
    files = {
        f"{name}.bin": content,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD,,\n"
    for path, data in files.items():
        digest = urlsafe_b64encode(sha256(data).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(data)}\n"
    with ZipFile(wheel, "w") as archive:
        for path, data in (files | {f"{info}/RECORD": record.encode()}).items():
            archive.writestr(path, data)
    age(wheel)
    return wheel


def pip(*arguments: str | Path) -> str:
    """Run pip without the configuration of the user and the machine."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--no-cache-dir", "--disable-pip-version-check",
         *map(str, arguments)],
        env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def index(tmp_path: Path, content: bytes) -> Path:
    """Create two projects, one with an index page as in PEP 503, and one with a mere listing."""
    index = tmp_path / "index"
    app = make_wheel(index / "app", "app", content, "library")
    (index / "app" / "index.html").write_text(f'<!doctype html><a href="{app.name}">{app.name}</a>')
    make_wheel(index / "library", "library", content[::-1])
    return index


def install(server: Recorder, target: Path, *options: str) -> None:
    pip("install", "--target", target, "--index-url", server.url + "simple/", *options, "app")


def test_install_from_directories(index: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "target"
    with run_recorded_server(index, prefix="/simple/", listing=True) as server:
        install(server, target)
    assert [(exchange.method, exchange.path, exchange.status) for exchange in server.exchanges] == [
        ("GET", "/simple/app/", 200),
        ("GET", WHEEL.format("app"), 200),
        ("GET", "/simple/library/", 200),
        ("GET", WHEEL.format("library"), 200),
    ]
    # The listing is also available as JSON, but not in the format that pip accepts.
    assert "json" in server.exchanges[2].fields["accept"]
    assert server.exchanges[2].headers["Content-Type"] == "text/html; charset=utf-8"
    assert (target / "app.bin").read_bytes() == content
    assert (target / "library.bin").read_bytes() == content[::-1]


def test_metadata_with_ranges(index: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "target"
    with run_recorded_server(index, prefix="/simple/", listing=True) as server:
        install(server, target, "--use-feature=fast-deps")
    for name in ("app", "library"):
        head, *parts, whole = server.exchanges_for(WHEEL.format(name))
        # pip uses ranges if the response to HEAD has Accept-Ranges, or fetches the wheel twice.
        assert (head.method, head.status, head.headers["Accept-Ranges"]) == ("HEAD", 200, "bytes")
        assert {(part.method, part.status) for part in parts} == {("GET", 206)}
        assert 0 < sum(part.length for part in parts) < 30_000
        assert (whole.method, whole.status, whole.range) == ("GET", 200, "")
        assert whole.length > SIZE
    assert (target / "app.bin").read_bytes() == content
    assert (target / "library.bin").read_bytes() == content[::-1]
