"""Sidecars that are replaced while they are sent, which Windows does not do in one step."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.client import make_environ, start
from tests.conftest import age
from wsgistatic import StaticFiles
from wsgistatic.compress import Compressor
from wsgistatic.files.directory import single_file

Rename = Callable[..., None]


def refused(*paths: object) -> PermissionError:
    error: Any = PermissionError(errno.EACCES, "Access is denied", *map(str, paths))
    if os.name != "nt":
        error.winerror = 5
    return cast(PermissionError, error)


@pytest.fixture
def open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that Windows does not replace, but rename."""
    path = tmp_path / "a.gz"
    path.write_bytes(b"old")
    (tmp_path / "draft").write_bytes(b"new")
    replace = os.replace

    def fail(source: str, target: str, **options: Any) -> None:
        if Path(target).name == "a.gz":
            raise refused(source, target)
        replace(source, target, **options)

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return path


def fail_to_rename(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> None:
    """Let the renaming of a name fail so many times."""
    rename, failures = os.rename, iter(range(times))

    def fail(source: str, target: str) -> None:
        if Path(source).name == name and next(failures, None) is not None:
            raise refused(source, target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)


def replace(path: Path) -> None:
    with single_file(str(path)).open_folder() as folder:
        # As on Windows, where a folder is a path.
        names = [str(path.with_name(name)) for name in ("draft", "a.gz", "aside")]
        folder.replace(names[0], names[1], names[2])


@pytest.mark.parametrize("failures", [0, 3])
def test_open_file_is_moved_aside(
    open_file: Path, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_rename(monkeypatch, "a.gz", failures)
    open_file.chmod(0o444)
    replace(open_file)
    assert open_file.read_bytes() == b"new"
    assert [path.name for path in open_file.parent.iterdir()] == ["a.gz"]


def test_file_that_another_program_holds_is_an_error_with_its_reason(
    open_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_rename(monkeypatch, "a.gz", 1000)
    with pytest.raises(PermissionError, match="another program has the file open") as caught:
        replace(open_file)
    assert caught.value.filename == str(open_file)
    assert open_file.read_bytes() == b"old"


def test_file_stays_if_the_new_one_cannot_be_renamed(
    open_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_rename(monkeypatch, "draft", 1000)
    with pytest.raises(PermissionError, match="denied"):
        replace(open_file)
    assert open_file.read_bytes() == b"old"


def test_other_platforms_do_not_move_it(open_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*paths: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError, match="not permitted"):
        replace(open_file)
    assert open_file.read_bytes() == b"old"


def test_sidecar_that_is_sent_is_replaced_and_goes_out_whole(tmp_path: Path) -> None:
    path, sidecar = tmp_path / "app.js", tmp_path / "app.js.gz"
    path.write_bytes(b"".join(b"%d," % (number * 7919) for number in range(300_000)))
    path.chmod(0o444)  # read-only files of Windows can be neither replaced nor removed
    age(path)
    compressor = Compressor(["gzip"], levels={"gzip": 1}, force=True)
    assert compressor.compress_file(path).error is None
    content = sidecar.read_bytes()
    app = StaticFiles(None, tmp_path)
    response = start(app, make_environ("/app.js", headers={"Accept-Encoding": "gzip"}))
    blocks = iter(response.iterable)
    received = [next(blocks)]
    result = Compressor(["gzip"], levels={"gzip": 9}, force=True).compress_file(path)
    assert result.error is None
    received += blocks
    assert b"".join(received) == content
    assert sidecar.read_bytes() != content
    assert {one.name for one in tmp_path.iterdir()} == {"app.js", "app.js.gz"}
    path.chmod(0o644)
