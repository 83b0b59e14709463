"""``wsgistatic compress --dictionaries-from``: which deltas are written, kept and removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import OLD
from tests.deltas import DIGITS, NEW_BUNDLE, OLD_BUNDLE, decode, write
from wsgistatic.__main__ import main
from wsgistatic.compress.compressor import Action, Compressor, compress_directory
from wsgistatic.compress.deltas import delta_coding, dictionaries_from
from wsgistatic.files.directory import Directory, single_file
from wsgistatic.http.codings import zstd_codec, zstd_frame
from wsgistatic.http.dictionaries import DCZ_HEAD, DCZ_MAGIC, MAX_SIZE

DELTA = f"app-9c1d55e7.js.{DIGITS}.dcz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write(tmp_path / "old", {"js/app-3f2a44d1.js": OLD_BUNDLE})


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new", {"js/app-9c1d55e7.js": NEW_BUNDLE})


def compress(new: Path, *arguments: object) -> int:
    return main(["compress", str(new), "--quiet", *map(str, arguments)])


def deltas(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.dcz")}


def test_delta_is_small_and_decodes_to_the_file(old: Path, new: Path) -> None:
    assert compress(new, "--dictionaries-from", old) == 0
    assert deltas(new) == {DELTA}
    delta = (new / "js" / DELTA).read_bytes()
    assert delta.startswith(DCZ_MAGIC + sha256(OLD_BUNDLE).digest())
    assert decode(delta, OLD_BUNDLE) == NEW_BUNDLE
    assert len(delta) < len(NEW_BUNDLE) / 100
    frame = zstd_frame(delta[DCZ_HEAD:])
    assert frame is not None
    assert frame.window <= MAX_SIZE
    assert (new / "js" / DELTA).stat().st_mtime == OLD


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_the_zstd_program_decodes_a_delta(old: Path, new: Path) -> None:
    compress(new, "--dictionaries-from", old)
    dictionary = old / "js/app-3f2a44d1.js"
    command = ["zstd", "-d", "-c", "-D", str(dictionary), str(new / "js" / DELTA)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == NEW_BUNDLE


def test_a_second_run_changes_nothing_and_another_writes_the_same(old: Path, new: Path) -> None:
    compress(new, "--dictionaries-from", old)
    path = new / "js" / DELTA
    before, first = path.stat(), path.read_bytes()
    before_times = (before.st_mtime_ns, before.st_ctime_ns, before.st_ino)
    assert compress(new, "--dictionaries-from", old, "--check", "--prune") == 0
    assert compress(new, "--dictionaries-from", old, "--prune") == 0
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ctime_ns, after.st_ino) == before_times
    path.unlink()
    compress(new, "--dictionaries-from", old, "--jobs", 1)
    assert path.read_bytes() == first


def test_a_check_finds_a_missing_delta_and_writes_none(old: Path, new: Path) -> None:
    compress(new)
    assert compress(new, "--dictionaries-from", old, "--check") == 1
    assert deltas(new) == set()


def test_no_delta_against_the_same_bytes_other_names_or_other_folders(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old",
        {"app-3f2a44d1.js": NEW_BUNDLE, "b.html": OLD_BUNDLE, "js/c.js": OLD_BUNDLE},
    )
    new = write(
        tmp_path / "new", {"app-9c1d55e7.js": NEW_BUNDLE, "c.js": NEW_BUNDLE, "b.html": NEW_BUNDLE}
    )
    assert compress(new, "--dictionaries-from", old) == 0
    assert deltas(new) == set()


def test_no_delta_that_is_hardly_smaller_than_the_best_coding(tmp_path: Path) -> None:
    old = write(tmp_path / "old", {"a.js": os.urandom(9000)})
    new = write(tmp_path / "new", {"a.js": NEW_BUNDLE})
    assert compress(new, "--dictionaries-from", old) == 0
    assert deltas(new) == set()


def test_small_files_and_empty_versions_have_no_deltas(tmp_path: Path) -> None:
    old = write(tmp_path / "old", {"a.js": b"alert(1)\n" * 20, "b.js": b""})
    new = write(tmp_path / "new", {"a.js": b"alert(1)\n" * 21, "b.js": NEW_BUNDLE})
    assert compress(new, "--dictionaries-from", old) == 0
    assert deltas(new) == set()


def test_files_above_8_mib_have_no_deltas(tmp_path: Path) -> None:
    large = bytes(MAX_SIZE + 1)
    old = write(
        tmp_path / "old", {"a.json": large[:-1] + b"1", "b.json": large, "c.json": b"1" * 99}
    )
    new = write(tmp_path / "new", {"a.json": large, "b.json": b"0" * 9999, "c.json": large})
    assert compress(new, "--dictionaries-from", old, "--codings", "gzip", "--level=gzip=1") == 0
    assert deltas(new) == set()


def test_the_newest_three_versions_are_dictionaries(tmp_path: Path) -> None:
    folders, digits = [], []
    for age in range(5):
        content = OLD_BUNDLE + b"// %d\n" % age
        folder = write(tmp_path / f"old{age}", {"app.js": content})
        os.utime(folder / "app.js", (OLD - age, OLD - age))
        folders += ["--dictionaries-from", folder]
        digits.append(sha256(content).hexdigest())
    new = write(tmp_path / "new", {"app.js": NEW_BUNDLE})
    assert compress(new, *folders) == 0
    assert deltas(new) == {f"app.js.{one}.dcz" for one in digits[:3]}
    # The next release forgets two of them.
    assert compress(new, *folders[4:]) == 0
    assert deltas(new) == {f"app.js.{one}.dcz" for one in digits}
    assert compress(new, *folders[4:], "--prune", "--check") == 1
    assert compress(new, *folders[4:], "--prune") == 0
    assert deltas(new) == {f"app.js.{one}.dcz" for one in digits[2:]}
    assert compress(new, "--prune") == 0
    assert deltas(new) == {f"app.js.{one}.dcz" for one in digits[2:]}


def test_prune_removes_deltas_of_changed_and_of_lost_files(old: Path, new: Path) -> None:
    compress(new, "--dictionaries-from", old)
    foreign = new / "js" / f"app-9c1d55e7.js.{'0' * 64}.dcz"
    foreign.write_bytes(b"of another tool")
    lost = new / "js" / f"lost.js.{DIGITS}.dcz"
    shutil.copy2(new / "js" / DELTA, lost)
    os.utime(new / "js/app-9c1d55e7.js")
    assert compress(new, "--prune") == 0
    assert deltas(new) == {foreign.name}


def test_the_delta_of_a_changed_file_is_replaced(old: Path, new: Path) -> None:
    compress(new, "--dictionaries-from", old)
    write(new, {"js/app-9c1d55e7.js": NEW_BUNDLE + b"// more\n"})
    assert compress(new, "--dictionaries-from", old) == 0
    delta = (new / "js" / DELTA).read_bytes()
    assert decode(delta, OLD_BUNDLE) == NEW_BUNDLE + b"// more\n"


@pytest.mark.parametrize("content", [b"", b"of another tool", DCZ_MAGIC + bytes(32)])
def test_the_delta_of_another_tool_is_left_alone(old: Path, new: Path, content: bytes) -> None:
    path = new / "js" / DELTA
    path.write_bytes(content)
    (result,) = compress_directory(new, dictionaries=[old])
    assert result.sidecars[-1].action is Action.LEFT
    assert path.read_bytes() == content
    assert compress(new, "--dictionaries-from", old, "--force") == 0
    assert decode(path.read_bytes(), OLD_BUNDLE) == NEW_BUNDLE


@pytest.mark.parametrize("block", [1, 39, 41, 64, 1 << 16])
def test_deltas_are_read_in_blocks_of_any_size(old: Path, new: Path, block: int) -> None:
    compress(new, "--dictionaries-from", old)
    delta = (new / "js" / DELTA).read_bytes()

    def read(delta: bytes, target: bytes = NEW_BUNDLE) -> bytes:
        coding = delta_coding(DIGITS, OLD_BUNDLE, sha256(target).digest())
        blocks = [delta[at : at + block] for at in range(0, len(delta), block)]
        return b"".join(coding.decode(blocks))

    assert read(delta) == NEW_BUNDLE
    for broken in (b"", delta[:39], delta[1:], delta[:-1], delta + b"x", delta[:60] + delta[61:]):
        with pytest.raises(ValueError, match=r"^not "):
            read(broken)
    with pytest.raises(ValueError, match="not a delta of this file"):
        read(delta, OLD_BUNDLE)


def test_a_missing_directory_is_an_error(new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compress(new, "--dictionaries-from", new / "none") == 1
    assert "none" in capsys.readouterr().err


def test_without_zstd(
    old: Path, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    assert compress(new, "--dictionaries-from", old) == 1
    assert "deltas need zstandard: pip install zstandard" in capsys.readouterr().err
    assert os.listdir(new / "js") == ["app-9c1d55e7.js"]
    assert compress(new) == 0


def test_an_older_version_that_vanishes_is_an_error_of_its_file(old: Path, new: Path) -> None:
    older = dictionaries_from([str(old)])
    shutil.rmtree(old)
    file = Directory(str(new)).file(("js", "app-9c1d55e7.js"))
    (result,) = Compressor().compress_files([file], 1, older)
    assert isinstance(result.error, FileNotFoundError)


def test_an_old_delta_that_has_just_vanished_is_not_removed(new: Path) -> None:
    assert not Compressor().remove_old_delta(single_file(str(new / "js" / DELTA)), None)


@pytest.mark.parametrize("library", ["zstandard", "standard"])
def test_both_libraries_decode_the_same_delta(
    old: Path, new: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compress(new, "--dictionaries-from", old)
    delta = (new / "js" / DELTA).read_bytes()
    if library == "zstandard":
        monkeypatch.setitem(sys.modules, "compression.zstd", None)
    elif sys.version_info < (3, 14):
        module = pytest.importorskip("backports.zstd")
        monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
        monkeypatch.setitem(sys.modules, "compression.zstd", module)
    codec = zstd_codec(OLD_BUNDLE)
    assert b"".join(codec.decode([delta[DCZ_HEAD:-DCZ_HEAD]])) == NEW_BUNDLE
    _, encode, finish = codec.encoder(19, len(NEW_BUNDLE))
    frame = encode(NEW_BUNDLE) + finish()
    assert decode(delta[:DCZ_HEAD] + frame + delta[-DCZ_HEAD:], OLD_BUNDLE) == NEW_BUNDLE
