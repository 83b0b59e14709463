"""The compressor: which sidecars it writes, keeps, replaces and removes."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import age
from wsgistatic import StaticFiles
from wsgistatic.compress import Action, Compressor, Result, compress_directory, edits, originals
from wsgistatic.compress.existing import HEAD_SIZE
from wsgistatic.compress.originals import FileVersion
from wsgistatic.files import directory as directory_module
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import Folder, single_file
from wsgistatic.files.versions import RegularFile, signature
from wsgistatic.http.codings import CODINGS

TEXT = b"".join(b"line %d of some text\n" % number for number in range(3000))
EXTENSIONS = {"gzip": ".gz", "zstd": ".zst", "br": ".br"}
CREATED, REPLACED, REDATED, KEPT, REMOVED, NONE, LEFT = Action


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.js"
    path.write_bytes(TEXT)
    age(path)
    return path


def beside(path: Path, coding: str = "gzip") -> Path:
    return path.with_name(path.name + EXTENSIONS[coding])


def content(path: Path, coding: str = "gzip") -> bytes:
    return b"".join(CODINGS[coding].decode([beside(path, coding).read_bytes()]))


def actions(result: Result) -> list[Action]:
    assert result.error is None, result
    return [sidecar.action for sidecar in result.sidecars]


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.parent.iterdir()}


@pytest.mark.usefixtures("open_descriptors")
def test_each_sidecar_decompresses_to_the_file(path: Path) -> None:
    path.chmod(0o640)
    result = Compressor().compress_file(path)
    assert (result.path, result.size) == (str(path), len(TEXT))
    assert [(sidecar.coding, sidecar.action) for sidecar in result.sidecars] == [
        ("gzip", CREATED), ("zstd", CREATED), ("br", CREATED),
    ]  # fmt: skip
    for sidecar in result.sidecars:
        made = beside(path, sidecar.coding)
        assert sidecar.path == str(made)
        assert content(path, sidecar.coding) == TEXT
        assert made.stat().st_size == sidecar.size
        assert made.stat().st_mtime_ns == path.stat().st_mtime_ns
        assert made.stat().st_mode == path.stat().st_mode
    assert len(names(path)) == 4


def test_the_server_sends_what_was_written(path: Path) -> None:
    from webob import Request

    Compressor().compress_file(path)
    app = StaticFiles(None, path.parent)
    for coding in EXTENSIONS:
        response = Request.blank("/app.js", headers={"Accept-Encoding": coding}).get_response(app)
        assert response.headers["Content-Encoding"] == coding
        assert response.body == beside(path, coding).read_bytes()


def test_the_output_is_reproducible(path: Path) -> None:
    compressor = Compressor(force=True)
    compressor.compress_file(path)
    first = [beside(path, coding).read_bytes() for coding in EXTENSIONS]
    os.utime(path)
    assert actions(compressor.compress_file(path)) == [REPLACED] * 3
    assert first == [beside(path, coding).read_bytes() for coding in EXTENSIONS]


def test_sidecars_that_are_up_to_date_are_kept(path: Path) -> None:
    Compressor().compress_file(path)
    before = [signature(beside(path, coding).stat()) for coding in EXTENSIONS]
    assert actions(Compressor().compress_file(path)) == [KEPT] * 3
    assert before == [signature(beside(path, coding).stat()) for coding in EXTENSIONS]


def test_the_sidecars_of_a_new_version_are_replaced(path: Path) -> None:
    Compressor().compress_file(path)
    path.write_bytes(TEXT[::-1])
    assert actions(Compressor().compress_file(path)) == [REPLACED] * 3
    assert all(content(path, coding) == TEXT[::-1] for coding in EXTENSIONS)


def test_a_new_version_with_the_same_mtime_is_noticed(path: Path) -> None:
    # Some builds give every file the same mtime.
    Compressor().compress_file(path)
    path.write_bytes(TEXT.replace(b"text", b"TEXT"))
    age(path)
    assert path.stat().st_mtime_ns == beside(path).stat().st_mtime_ns
    assert actions(Compressor().compress_file(path)) == [REPLACED] * 3
    assert b"TEXT" in content(path)


def test_a_new_mtime_alone_needs_no_compression(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Compressor().compress_file(path)
    os.utime(path)
    monkeypatch.setattr(type(CODINGS["br"]), "encode", None)
    assert actions(Compressor().compress_file(path)) == [REDATED] * 3
    assert beside(path).stat().st_mtime_ns == path.stat().st_mtime_ns
    assert actions(Compressor().compress_file(path)) == [KEPT] * 3


def test_a_newer_sidecar_of_another_tool_is_kept_if_its_content_is_right(path: Path) -> None:
    beside(path).write_bytes(gzip.compress(TEXT, 6, mtime=0))
    before = signature(beside(path).stat())
    assert actions(Compressor(["gzip"]).compress_file(path)) == [KEPT]
    assert signature(beside(path).stat()) == before


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: content[:-9], "it is not one complete {} stream"),
        (lambda content: content + b"more", "it is not "),
        (lambda content: content[:40] + bytes(20) + content[60:], "it is not "),
    ],
)
@pytest.mark.parametrize("coding", EXTENSIONS)
def test_a_sidecar_that_is_broken_is_replaced(
    path: Path, coding: str, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    compressor = Compressor([coding])
    compressor.compress_file(path)
    beside(path, coding).write_bytes(spoil(beside(path, coding).read_bytes()))
    result = compressor.compress_file(path)
    assert actions(result) == [REPLACED]
    assert result.sidecars[0].reason.startswith((reason.format(coding), "holds other bytes"))
    assert content(path, coding) == TEXT


BOMB = """
import brotli, resource, sys, zlib
from wsgistatic.compress import Compressor

name, coding, suffix = sys.argv[1:]
zeros = [bytes(1024 * 1024)] * 256  # four times the memory that is left
gzip, br = zlib.compressobj(9, zlib.DEFLATED, 31), brotli.Compressor(quality=9)
streams = {
    # Frames with a window of 1 GiB, and with a content of 1 GiB in one segment.
    "window": lambda: bytes.fromhex("28b52ffdc0a0000000400000000003001078000000"),
    "segment": lambda: bytes.fromhex("28b52ffde000000040000000000200107802001078"),
    # Blocks that repeat one byte 128 Ki times.
    "blocks": lambda: bytes.fromhex("28b52ffd0050") + bytes.fromhex("02001000") * 2048,
    "gzip": lambda: b"".join(map(gzip.compress, zeros)) + gzip.flush(),
    "br": lambda: b"".join(map(br.process, zeros)) + br.finish(),
}
with open(name, "wb") as file:
    file.write(bytes(2_000_000))
with open(name + suffix, "wb") as file:
    file.write(streams[coding if coding != "zstd" else name]())
Compressor([coding]).codings[0].load()
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, [used + 64 * 1024 * 1024] * 2)
print(Compressor([coding]).compress_file(name).sidecars[0].reason)
"""
TOO_LARGE = "requires too much memory for decoding"


@pytest.mark.descriptors
@pytest.mark.parametrize(
    ("name", "coding", "reason"),
    [
        ("window", "zstd", TOO_LARGE),
        ("segment", "zstd", TOO_LARGE),
        ("blocks", "zstd", "it holds other bytes"),
        ("zeros", "gzip", "it holds other bytes"),
        ("zeros", "br", "it holds other bytes"),
    ],
)
def test_a_sidecar_that_decodes_to_much_more_needs_little_memory(
    tmp_path: Path, name: str, coding: str, reason: str
) -> None:
    command = [sys.executable, "-c", BOMB, name, coding, EXTENSIONS[coding]]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert reason in done.stdout, done.stderr


@pytest.mark.parametrize("size", [1, 100])
def test_a_sidecar_of_a_longer_or_shorter_file_is_replaced(path: Path, size: int) -> None:
    Compressor().compress_file(path)
    for text in (TEXT[:-size], TEXT):
        path.write_bytes(text)
        age(path)
        result = Compressor().compress_file(path)
        assert actions(result) == [REPLACED] * 3
        assert {sidecar.reason for sidecar in result.sidecars} == {"it holds other bytes"}


FOREIGN = {
    "another file": (gzip.compress(b"another", mtime=0), "it holds other bytes"),
    "its beginning": (gzip.compress(TEXT[:-1], mtime=0), "it holds other bytes"),
    "cut off": (gzip.compress(TEXT, mtime=0)[:-9], "it is not one complete gzip stream"),
    "two members": (gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), "it is not one "),
    "no gzip": (b"no gzip", "it is not gzip: "),
    "empty": (b"", "it is not one complete gzip stream"),
}


@pytest.mark.usefixtures("open_descriptors")
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_sidecar_of_another_tool_is_left_alone(path: Path, kind: str) -> None:
    wrong, reason = FOREIGN[kind]
    beside(path).write_bytes(wrong)  # newer than the file
    before = signature(beside(path).stat())
    for options in ({}, {"min_size": 10**6}, {"min_saving": 99.9}, {"dry_run": True}):
        result = Compressor(**options).compress_file(path)
        assert result.sidecars[0].action is LEFT
        assert result.sidecars[0].reason.startswith(reason)
        assert signature(beside(path).stat()) == before
    assert actions(Compressor(["gzip"], force=True).compress_file(path)) == [REPLACED]
    assert content(path) == TEXT


def test_a_sidecar_of_another_tool_does_not_keep_the_other_codings_away(path: Path) -> None:
    beside(path).write_bytes(b"no gzip")
    assert actions(Compressor().compress_file(path)) == [LEFT, CREATED, CREATED]


def test_an_older_sidecar_of_another_tool_is_not_redated(path: Path) -> None:
    beside(path).write_bytes(gzip.compress(TEXT))
    age(beside(path))
    os.utime(path)
    before = signature(beside(path).stat())
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (LEFT, "it is older than its file")
    assert signature(beside(path).stat()) == before


def test_force_removes_a_sidecar_of_another_tool_that_saves_too_little(path: Path) -> None:
    beside(path).write_bytes(gzip.compress(TEXT))
    assert actions(Compressor(["gzip"], force=True, min_size=10**6).compress_file(path)) == [
        REMOVED
    ]
    assert names(path) == {"app.js"}


def test_a_copied_tree_keeps_its_marks(path: Path, tmp_path: Path) -> None:
    Compressor().compress_file(path)
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in names(path) - {"copied"}:
        (copied / name).write_bytes((tmp_path / name).read_bytes())
    (copied / path.name).write_bytes(TEXT * 2)
    assert actions(Compressor().compress_file(copied / path.name)) == [REPLACED] * 3


def test_a_sidecar_with_another_name_is_written_again_instead_of_redated(path: Path) -> None:
    Compressor(["gzip"]).compress_file(path)
    other = path.with_name("kept by a snapshot")
    os.link(beside(path), other)
    before = other.stat()
    os.utime(path)
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (REPLACED, "it is older than its file")
    assert other.stat().st_mtime_ns == before.st_mtime_ns
    assert beside(path).stat().st_mtime_ns == path.stat().st_mtime_ns


@pytest.mark.symlinks
def test_a_link_in_place_of_a_sidecar_is_not_followed(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"precious")
    beside(path).symlink_to(elsewhere)
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (LEFT, "it is a symbolic link")
    assert beside(path).is_symlink()
    assert actions(Compressor(["gzip"], force=True).compress_file(path)) == [REPLACED]
    assert not beside(path).is_symlink()
    assert elsewhere.read_bytes() == b"precious"


@pytest.mark.special_files
def test_a_fifo_in_place_of_a_sidecar_is_left_alone(path: Path) -> None:
    os.mkfifo(beside(path))
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (LEFT, "it is not a regular file")


@pytest.mark.permissions
def test_a_sidecar_that_cannot_be_read_is_left_alone(
    public_directory: Path, request: pytest.FixtureRequest
) -> None:
    path = public_directory / "app.js"
    path.write_bytes(TEXT)
    Compressor(["gzip"]).compress_file(path)
    beside(path).chmod(0o600 if os.geteuid() == 0 else 0)
    request.getfixturevalue("ordinary_user")
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (LEFT, "Permission denied")


def test_a_sidecar_with_read_errors_is_replaced_if_its_mark_can_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Compressor(["gzip"]).compress_file(path)

    def fail(file: RegularFile, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(RegularFile, "read", fail, raising=False)
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (REPLACED, "Input/output error")
    read_at = RegularFile.read_at

    def fail_at_the_mark(file: RegularFile, offset: int, size: int) -> bytes:
        return fail(file, size) if size == HEAD_SIZE else read_at(file, offset, size)

    monkeypatch.setattr(RegularFile, "read_at", fail_at_the_mark)
    (sidecar,) = Compressor(["gzip"]).compress_file(path).sidecars
    assert (sidecar.action, sidecar.reason) == (LEFT, "Input/output error")


def test_a_directory_in_place_of_a_sidecar_is_an_error(path: Path) -> None:
    beside(path).mkdir()
    result = Compressor().compress_file(path)
    assert isinstance(result.error, IsADirectoryError)
    assert names(path) == {"app.js", "app.js.gz"}


@pytest.mark.parametrize("size", [0, 1, 255])
def test_a_small_file_gets_no_sidecars(path: Path, size: int) -> None:
    path.write_bytes(bytes(size))
    assert actions(Compressor().compress_file(path)) == [NONE] * 3
    assert names(path) == {"app.js"}


def test_min_size_decides(path: Path) -> None:
    path.write_bytes(bytes(100))
    assert actions(Compressor(min_size=101).compress_file(path)) == [NONE] * 3
    assert actions(Compressor(min_size=100).compress_file(path)) == [CREATED] * 3


def test_an_empty_file_never_gets_sidecars(path: Path) -> None:
    path.write_bytes(b"")
    assert actions(Compressor(min_size=0, min_saving=0).compress_file(path)) == [NONE] * 3


def test_only_the_fastest_coding_is_tried_on_incompressible_bytes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(os.urandom(600_000))
    tried: list[str] = []
    coding_type: Any = type(CODINGS["br"])
    encode = coding_type.encode

    def count(coding: Any, *arguments: Any) -> Iterator[bytes]:
        tried.append(coding.name)
        blocks: Iterator[bytes] = encode(coding, *arguments)
        return blocks

    monkeypatch.setattr(coding_type, "encode", count)
    assert actions(Compressor(min_saving=0).compress_file(path)) == [NONE] * 3
    assert tried == ["gzip"]
    assert names(path) == {"app.js"}


def test_min_saving_decides(path: Path) -> None:
    path.write_bytes(os.urandom(8000) + bytes(2000))  # a fifth can be saved
    assert actions(Compressor(["gzip"], min_saving=25).compress_file(path)) == [NONE]
    assert actions(Compressor(["gzip"], min_saving=15).compress_file(path)) == [CREATED]


@pytest.mark.parametrize("options", [{"min_size": 10**6}, {"min_saving": 99.9}])
def test_sidecars_that_save_too_little_are_removed(path: Path, options: dict[str, Any]) -> None:
    Compressor().compress_file(path)
    assert actions(Compressor(**options).compress_file(path)) == [REMOVED] * 3
    assert names(path) == {"app.js"}


def test_the_stale_sidecars_of_an_incompressible_file_are_removed(path: Path) -> None:
    Compressor().compress_file(path)
    path.write_bytes(os.urandom(5000))
    age(path)  # older than before, as after a rollback
    assert actions(Compressor().compress_file(path)) == [REMOVED] * 3
    assert names(path) == {"app.js"}


def test_sidecars_of_other_codings_are_left_alone(path: Path) -> None:
    beside(path, "br").write_bytes(b"by another tool")
    result = Compressor(["zstd", "gzip", "gzip"]).compress_file(path)
    assert [sidecar.coding for sidecar in result.sidecars] == ["gzip", "zstd"]
    assert beside(path, "br").read_bytes() == b"by another tool"


def test_levels(path: Path) -> None:
    best = Compressor().compress_file(path)
    fast = Compressor(levels={"br": 1, "gzip": 1}, force=True).compress_file(path)
    for before, after in zip(best.sidecars, fast.sidecars, strict=True):
        assert before.size is not None
        assert after.size is not None
        assert (after.size > before.size) == (after.coding != "zstd")


def test_a_dry_run_returns_what_would_be_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dry = Compressor(dry_run=True)
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "create", None)  # not even a draft is written
        assert actions(dry.compress_file(path)) == [CREATED] * 3
    assert names(path) == {"app.js"}
    Compressor(["gzip"]).compress_file(path)
    os.utime(path)
    before = signature(beside(path).stat())
    assert actions(dry.compress_file(path)) == [REDATED, CREATED, CREATED]
    assert actions(Compressor(["gzip"], dry_run=True, min_size=10**6).compress_file(path)) == [
        REMOVED
    ]
    assert not dry.remove_orphan(single_file(str(beside(path))))
    dry.remove_draft(single_file(str(beside(path))))
    assert signature(beside(path).stat()) == before


def test_only_orphans_of_ours_are_removed(path: Path) -> None:
    compressor = Compressor()
    compressor.compress_file(path)
    download, orphan = path.with_name("data.csv.gz"), path.with_name("gone.js.gz")
    download.write_bytes(gzip.compress(TEXT))
    beside(path).rename(orphan)
    assert Compressor(dry_run=True).remove_orphan(single_file(str(orphan)))
    assert not compressor.remove_orphan(single_file(str(beside(path, "br"))))  # its file is there
    assert compressor.remove_orphan(single_file(str(orphan)))
    assert not compressor.remove_orphan(single_file(str(orphan)))
    assert not compressor.remove_orphan(single_file(str(download)))
    assert names(path) == {"app.js", "app.js.br", "app.js.zst", "data.csv.gz"}
    compressor.remove_draft(single_file(str(orphan)))  # another run may have removed it


@pytest.mark.symlinks
@pytest.mark.usefixtures("open_descriptors")
def test_a_link_gets_sidecars_under_its_own_name(path: Path) -> None:
    link = path.with_name("link.js")
    link.symlink_to("app.js")
    assert actions(Compressor().compress_file(link)) == [CREATED] * 3
    assert content(link) == TEXT
    assert not beside(path).exists()


def replace_with_new(path: Path) -> None:
    """Replace a file in the way that works on Windows, too, although it is open."""
    path.rename(path.with_name(".aside"))
    path.with_name("new").rename(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(TEXT * 2),
        lambda path: path.write_bytes(TEXT[:-1]),
        lambda path: path.write_bytes(TEXT[::-1]),
        replace_with_new,
    ],
    ids=["longer", "shorter", "rewritten", "replaced"],
)
@pytest.mark.parametrize("when", ["before it is read", "once it is compressed"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_file_that_changes_meanwhile_is_compressed_again(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    when: str,
    existing: bool,
) -> None:
    path.with_name("new").write_bytes(TEXT + b"new")
    if existing:
        Compressor().compress_file(path)
        os.utime(path)
    changes = [change]
    method = "blocks" if when.startswith("before") and not existing else "require_unchanged"
    original: Any = getattr(FileVersion, method)

    def changing(version: FileVersion) -> Any:
        if changes:
            changes.pop()(path)
        return original(version)

    monkeypatch.setattr(FileVersion, method, changing)
    assert set(actions(Compressor().compress_file(path))) <= {CREATED, REPLACED}
    for coding in EXTENSIONS:
        assert content(path, coding) == path.read_bytes() != TEXT
        assert beside(path, coding).stat().st_mtime_ns == path.stat().st_mtime_ns


@pytest.mark.parametrize("options", [{}, {"min_saving": 99.9}])
@pytest.mark.parametrize("existing", [False, True])
def test_a_sidecar_that_another_tool_writes_meanwhile_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], existing: bool
) -> None:
    if existing:
        Compressor(["gzip"]).compress_file(path)
        path.write_bytes(TEXT[::-1])
    theirs = gzip.compress(TEXT[::-1] if existing else TEXT)
    original: Any = FileVersion.require_unchanged

    def written_by_another(version: FileVersion) -> None:
        beside(path).write_bytes(theirs)
        original(version)

    monkeypatch.setattr(FileVersion, "require_unchanged", written_by_another)
    done = actions(Compressor(["gzip"], **options).compress_file(path))
    assert done == [NONE] if options and not existing else [KEPT]
    assert beside(path).read_bytes() == theirs


@pytest.mark.usefixtures("open_descriptors")
def test_a_file_that_keeps_changing_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Any = FileVersion.require_unchanged

    def changing(version: FileVersion) -> None:
        path.write_bytes(os.urandom(10) + TEXT)
        original(version)

    monkeypatch.setattr(FileVersion, "require_unchanged", changing)
    result = Compressor().compress_file(path)
    assert isinstance(result.error, FileChangedError)
    assert str(result.error) == "the file kept changing while it was compressed"
    assert result.sidecars == ()
    assert names(path) == {"app.js"}


def test_a_sidecar_is_not_published_before_a_later_change_would_show(path: Path) -> None:
    path.write_bytes(TEXT)
    Compressor(["gzip"], levels={"gzip": 1}).compress_file(path)
    assert time.time_ns() - path.stat().st_mtime_ns >= 20_000_000


def test_a_clock_that_is_behind_does_not_block_forever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "is_version_settled", lambda status, now: False)
    monkeypatch.setattr(originals, "_LONGEST_TICK", 0.02)
    assert actions(Compressor(["gzip"]).compress_file(path)) == [CREATED]


def test_a_missing_file(path: Path) -> None:
    result = Compressor().compress_file(path.with_name("nothing.js"))
    assert isinstance(result.error, FileNotFoundError)
    assert isinstance(Compressor().compress_file(path.parent).error, IsADirectoryError)


@pytest.fixture
def readable_by_root(public_directory: Path) -> Path:
    """A directory that everybody can write to, where only the owner can read one of three files."""
    for name in ("a.js", "b.js", "c.js"):
        (public_directory / name).write_bytes(TEXT)
    (public_directory / "b.js").chmod(0o600 if os.geteuid() == 0 else 0)
    public_directory.chmod(0o777)
    return public_directory


@pytest.mark.usefixtures("open_descriptors")
def test_an_error_does_not_stop_the_work_on_other_files(
    readable_by_root: Path, ordinary_user: None
) -> None:
    results = list(compress_directory(readable_by_root))
    errors = [result for result in results if result.error is not None]
    assert [Path(result.path).name for result in errors] == ["b.js"]
    assert isinstance(errors[0].error, PermissionError)
    assert len(list(readable_by_root.iterdir())) == 3 + 2 * 3


@pytest.fixture
def read_only_directory(public_directory: Path) -> Iterator[Path]:
    (public_directory / "a.js").write_bytes(TEXT)
    public_directory.chmod(0o555)
    yield public_directory
    public_directory.chmod(0o755)


def test_a_read_only_directory_is_an_error(read_only_directory: Path, ordinary_user: None) -> None:
    (result,) = compress_directory(read_only_directory)
    assert isinstance(result.error, PermissionError)


def test_a_failing_library_is_an_error_of_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decompressor = import_module("brotli").Decompressor
    library = SimpleNamespace(error=RuntimeError, Decompressor=decompressor)
    monkeypatch.setitem(sys.modules, "brotli", library)
    assert isinstance(Compressor(["br"]).compress_file(path).error, AttributeError)


def test_a_whole_directory(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (site / f"sub/{number}.css").write_bytes(TEXT[: 1000 + 100 * number])
    (site / "photo.png").write_bytes(bytes(5000))
    (site / "left.css").write_bytes(TEXT)
    (site / ".wsgistatic-dead.tmp").write_bytes(b"half")
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
    results = list(compress_directory(site, exclude=["left.css"], jobs=4))
    assert not [result for result in results if result.error]
    for number in range(20):
        made = site / f"sub/{number}.css"
        assert all(content(made, coding) == made.read_bytes() for coding in EXTENSIONS)
    assert not list(site.glob("left.css.*"))
    assert not list(site.glob("photo.png.*"))
    assert not (site / ".wsgistatic-dead.tmp").exists()
    again = compress_directory(site, exclude=["left.css"])
    assert {action for result in again for action in actions(result)} == {KEPT, NONE}


def test_a_platform_without_directory_descriptors(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HAS_DESCRIPTOR_WALK", "_HAS_DESCRIPTOR_SCAN", "_HAS_DESCRIPTOR_CHANGES"):
        monkeypatch.setattr(directory_module, name, False)
    monkeypatch.setattr(edits, "_HAS_DESCRIPTOR_CALLS", False)
    (site / "sub/app.css").write_bytes(TEXT)
    for expected in ([CREATED] * 3, [KEPT] * 3):
        results = {Path(result.path).name: result for result in compress_directory(site)}
        assert not [result for result in results.values() if result.error]
        assert actions(results["app.css"]) == expected
    os.utime(site / "sub/app.css")
    for compressor, expected in (
        (Compressor(), [REDATED] * 3),
        (Compressor(force=True), [REPLACED] * 3),
        (Compressor(min_size=10**6), [REMOVED] * 3),
    ):
        assert actions(compressor.compress_file(site / "sub/app.css")) == expected


@pytest.mark.permissions
def test_an_unreadable_directory_is_one_of_the_results(
    public_directory: Path, request: pytest.FixtureRequest
) -> None:
    (public_directory / "closed").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    request.getfixturevalue("ordinary_user")
    (result,) = compress_directory(public_directory, Compressor(["gzip"]))
    assert isinstance(result.error, PermissionError)
    assert result.path == str(public_directory / "closed")


def test_a_draft_that_cannot_be_removed_is_one_of_the_results(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = site / ".wsgistatic-dead.tmp"
    draft.write_bytes(b"half")
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)

    def refuse(folder: Folder, name: str) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "remove", refuse)
        results = list(compress_directory(site, Compressor(dry_run=True)))
        assert not [result for result in results if result.error]
        results = list(compress_directory(site, Compressor(min_size=10**6)))
    assert [result.path for result in results if result.error] == [str(draft)]


def test_files_are_compressed_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(3, timeout=20)
    original: Any = FileVersion.blocks

    def blocks(version: FileVersion) -> Any:
        together.wait()
        return original(version)

    monkeypatch.setattr(FileVersion, "blocks", blocks)
    for name in "abc":
        (tmp_path / name).write_bytes(TEXT)
    results = list(compress_directory(tmp_path, Compressor(["gzip"]), jobs=3))
    assert [result.error for result in results] == [None] * 3


@pytest.mark.usefixtures("open_descriptors")
def test_closing_the_generator_stops_the_work_and_leaves_no_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()
    original: Any = FileVersion.blocks

    def endless(version: FileVersion) -> Iterator[bytes]:
        if not version.path.endswith("big.js"):
            began.wait(20)
            yield from original(version)
            return
        while True:
            yield from original(version)
            began.set()

    monkeypatch.setattr(FileVersion, "blocks", endless)
    (tmp_path / "big.js").write_bytes(TEXT * 10)
    (tmp_path / "small.js").write_bytes(TEXT)
    for number in range(50):
        (tmp_path / f"{number}.js").write_bytes(TEXT)
    compressor = Compressor(["gzip"])
    with closing(compress_directory(tmp_path, compressor, jobs=2)) as results:
        next(results)
    made = [path for path in tmp_path.iterdir() if path.suffix == ".gz"]
    assert 1 <= len(made) < 50
    assert all(gzip.decompress(path.read_bytes()) == TEXT for path in made)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"codings": "gzip"}, TypeError, "codings must be a sequence of 'gzip', 'zstd', 'br'"),
        (
            {"codings": ["lzma"]},
            ValueError,
            "codings must be one of 'gzip', 'zstd', 'br', not 'lzma'",
        ),
        ({"codings": []}, ValueError, "codings must contain at least one of"),
        ({"min_size": -1}, ValueError, "min_size must be at least 0"),
        ({"min_size": 1.5}, TypeError, "min_size must be an integer"),
        ({"min_saving": "5"}, TypeError, "min_saving must be a percentage, not"),
        ({"min_saving": True}, TypeError, "min_saving must be a percentage, not"),
        ({"min_saving": 100}, ValueError, "min_saving must be at least 0 and below 100"),
        ({"min_saving": -0.1}, ValueError, "min_saving must be at least 0 and below 100"),
        ({"min_saving": float("nan")}, ValueError, "min_saving must be at least 0 and below 100"),
        (
            {"levels": {"lzma": 1}},
            ValueError,
            "levels must be one of 'gzip', 'zstd', 'br', not 'lzma'",
        ),
        ({"levels": {"gzip": 0}}, ValueError, r"levels\['gzip'\] must be at least 1, not 0"),
        ({"levels": {"zstd": 20}}, ValueError, r"levels\['zstd'\] must be at most 19, not 20"),
        ({"levels": {"br": 1.0}}, TypeError, r"levels\['br'\] must be an integer"),
    ],
)
def test_invalid_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Compressor(**options)


@pytest.mark.parametrize("jobs", [0, True, "2"])
def test_invalid_jobs(path: Path, jobs: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="jobs must be"):
        list(Compressor().compress_files([single_file(str(path))], jobs))


def test_without_the_libraries(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("brotli", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    assert actions(Compressor().compress_file(path)) == [CREATED]
    with pytest.raises(ImportError, match="coding br needs Brotli: pip install Brotli"):
        Compressor(["gzip", "br"])
    with pytest.raises(ImportError, match="coding zstd needs zstandard"):
        Compressor(["zstd"])


def test_as_many_jobs_as_processors(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgistatic.compress.compressor import _processors

    assert _processors() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert _processors() == os.cpu_count()
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert _processors() == 1


def test_the_module_needs_no_library() -> None:
    import subprocess

    code = (
        "import sys; sys.modules.update(dict.fromkeys(['brotli', 'zstandard', 'tqdm'])); "
        "import wsgistatic.commands.compress, wsgistatic.__main__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
