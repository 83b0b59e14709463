"""``wsgistatic compress``: its output, its exit status, and how it is interrupted."""

from __future__ import annotations

import errno
import gzip
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import age
from tests.documents import passage
from wsgistatic.__main__ import main
from wsgistatic.commands.compress import _parser, _sigterm_as_interrupt
from wsgistatic.compress import edits
from wsgistatic.files.directory import Folder
from wsgistatic.http.codings import CODINGS

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

pytestmark = pytest.mark.usefixtures("process_coverage")

TEXT = b"".join(b"line %d of some text\n" % number for number in range(1000))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "css/app.css").write_bytes(TEXT)
    (root / "app.js").write_bytes(TEXT * 2)
    (root / "tiny.txt").write_bytes(b"tiny")
    (root / "photo.png").write_bytes(bytes(3000))
    for path in root.rglob("*.*"):
        age(path)
    return root


def compress(*arguments: object) -> int:
    return main(["compress", *map(str, arguments)])


def sidecars(root: Path) -> set[str]:
    extensions = (".gz", ".zst", ".br")
    return {path.name for path in root.rglob("*") if path.suffix in extensions}


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in root.rglob("*")}


@pytest.mark.posix_output
def test_a_line_for_each_change_and_a_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compress(folder) == 0
    assert len(sidecars(folder)) == 6
    output = capsys.readouterr().out
    size = (folder / "css/app.css.br").stat().st_size
    assert f"css/app.css.br: created ({len(TEXT):,} -> {size:,})\n" in output
    both = (folder / "app.js.gz").stat().st_size + (folder / "css/app.css.gz").stat().st_size
    before = 3 * len(TEXT)
    (row,) = [line.split() for line in output.splitlines() if line.startswith("gzip ")]
    assert row == ["gzip", "2", f"{before:,}", f"{both:,}", f"{1 - both / before:.1%}"]
    assert "3 files: 6 created, 0 replaced, 0 redated, 0 removed, 0 kept\n" in output
    assert output.endswith("1 skipped: already compressed\n")


def test_a_second_run_has_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compress(folder)
    before = everything(folder)
    capsys.readouterr()
    assert compress(folder) == 0
    assert everything(folder) == before
    output = capsys.readouterr().out
    assert "0 created, 0 replaced, 0 redated, 0 removed, 6 kept" in output
    assert "app.js" not in output
    assert compress(folder, "--force") == 0
    assert "6 replaced" in capsys.readouterr().out


@pytest.mark.posix_output
def test_a_check_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(folder)
    assert compress(folder, "--check") == 1
    assert everything(folder) == before
    assert "css/app.css.br: missing" in capsys.readouterr().out
    compress(folder)
    assert compress(folder, "--check") == 0
    capsys.readouterr()
    os.utime(folder / "app.js")
    (folder / "css/app.css").write_bytes(TEXT[::-1])
    before = everything(folder)
    assert compress(folder, "--check") == 1
    output = capsys.readouterr().out
    assert "app.js.gz: older than its file" in output
    assert "css/app.css.zst: out of date: it holds other bytes" in output
    assert compress(folder, "--check", "--min-size", "1000000") == 1
    assert "app.js.gz: saves too little\n" in capsys.readouterr().out
    assert everything(folder) == before


def test_codings_levels_and_thresholds(folder: Path) -> None:
    assert compress(folder, "--codings", "br", "--min-size", len(TEXT) + 1) == 0
    assert sidecars(folder) == {"app.js.br"}
    best = (folder / "app.js.br").stat().st_size
    assert compress(folder, "--codings", "br,gzip", "--force", "--level", "br=1", "--level",
                    "gzip=1", "--jobs", "1", "--exclude", "css") == 0  # fmt: skip
    assert sidecars(folder) == {"app.js.br", "app.js.gz"}
    assert (folder / "app.js.br").stat().st_size > best
    assert compress(folder, "--min-saving", "99.9") == 0
    assert sidecars(folder) == set()


def test_quiet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compress(folder)
    (folder / "app.js.gz").rename(folder / "gone.css.gz")
    (folder / "app.js.br").write_bytes(b"by another tool")
    capsys.readouterr()
    assert compress(folder, "--quiet", "--prune") == 0
    assert not (folder / "gone.css.gz").exists()
    assert compress(folder / "css", "--quiet", "--check") == 0
    (folder / "app.js.gz").unlink()
    assert compress(folder, "--quiet", "--check") == 1
    assert capsys.readouterr() == ("", "")


def test_prune_removes_orphans(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compress(folder)
    (folder / "app.js").unlink()
    assert compress(folder) == 0
    assert (folder / "app.js.gz").exists()
    assert compress(folder, "--prune", "--check") == 1
    assert "app.js.gz: its file is gone\n" in capsys.readouterr().out
    assert (folder / "app.js.gz").exists()
    assert compress(folder, "--prune") == 0
    assert "app.js.gz: removed, its file is gone\n" in capsys.readouterr().out
    assert sidecars(folder) == {"app.css.gz", "app.css.br", "app.css.zst"}


def test_prune_leaves_files_of_other_tools(folder: Path) -> None:
    download = folder / "data.csv.gz"
    download.write_bytes(gzip.compress(TEXT))
    assert compress(folder, "--prune", "--check", "--codings", "gzip") == 1  # others are missing
    assert compress(folder, "--prune", "--force") == 0
    assert download.exists()


def test_sidecars_of_other_tools_are_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = folder / "app.js.gz"
    backup.write_bytes(gzip.compress(b"yesterday's"))
    before = backup.stat()
    finding = "left alone: it holds other bytes (not written by wsgistatic; use --force"
    for arguments, status in (((), 0), (("--check",), 1)):
        assert compress(folder, *arguments) == status
        output = capsys.readouterr().out
        assert f"app.js.gz: {finding} to replace it)\n" in output
        assert "\n1 left alone: not written by wsgistatic; use --force to replace it\n" in output
        row = next(line for line in output.splitlines() if line.startswith("gzip"))
        assert row.split()[1] == "1"
    assert (backup.stat().st_ino, backup.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert compress(folder, "--force") == 0
    assert compress(folder, "--check") == 0


@pytest.mark.parametrize(
    ("coding", "spoil", "reason"),
    [
        ("gzip", lambda content: content[:-1], "it is not one complete gzip stream"),
        ("br", lambda content: content[:-1], "it is not one complete br stream"),
        ("zstd", lambda content: content[:-1], "it is not one complete zstd stream"),
        ("gzip", lambda content: content[:60] + b"??" + content[62:], "it is not gzip"),
        ("gzip", lambda content: b"", "left alone: it is not one complete gzip stream"),
    ],
)
def test_a_check_says_what_is_wrong(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    coding: str,
    spoil: Callable[[bytes], bytes],
    reason: str,
) -> None:
    compress(folder)
    capsys.readouterr()
    sidecar = folder / ("app.js" + CODINGS[coding].suffix)
    sidecar.write_bytes(spoil(sidecar.read_bytes()))
    age(sidecar)  # its mtime says that it is up to date
    assert compress(folder, "--check", "--codings", coding) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if sidecar.name in line)
    assert (
        line.removeprefix(f"{sidecar.name}: out of date: ")
        .removeprefix(f"{sidecar.name}: ")
        .startswith(reason)
    )


def test_wasm_is_compressed(folder: Path) -> None:
    (folder / "add.wasm").write_bytes(TEXT)
    compress(folder)
    assert {"add.wasm.gz", "add.wasm.zst", "add.wasm.br"} <= sidecars(folder)


@pytest.mark.posix_output
def test_an_orphan_that_cannot_be_removed_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only an immutable file or a read-only file system stops root, so the system call is fake."""
    compress(folder)
    for path in (folder / "app.js", folder / "css/app.css", folder / "css/.wsgistatic-x.tmp"):
        path.touch()
    (folder / "app.js").unlink()
    (folder / "new.css").write_bytes(TEXT)
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
    remove = Folder.remove

    def refuse(self: Folder, name: str) -> None:
        if name in ("app.js.gz", ".wsgistatic-x.tmp"):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        remove(self, name)

    monkeypatch.setattr(Folder, "remove", refuse)
    capsys.readouterr()
    assert compress(folder, "--prune") == 1
    output, errors = capsys.readouterr()
    assert errors.splitlines() == [
        "css/.wsgistatic-x.tmp: Operation not permitted",
        "app.js.gz: Operation not permitted",
    ]
    assert "app.js.zst: removed, its file is gone\n" in output
    assert "new.css.gz: created" in output


HOSTILE = {
    "\x1b[2J\x1b]0;title\x07.js": "\\x1b[2J\\x1b]0;title\\x07.js",
    "line\n::error::end.js": "line\\x0a::error::end.js",
    "::error::now.js": "\\x3a:error::now.js",
    " ::add-mask::x.js": " \\x3a:add-mask::x.js",
    "##vso[task.complete]x.js": "\\x23#vso[task.complete]x.js",
    "\u202egpj.js": "\\u202egpj.js",
    "\x9b31m\u2028.js": "\\x9b31m\\u2028.js",
    "\U000e0001.js": "\\U000e0001.js",
    "grüße 世界.js": "grüße 世界.js",
}


@pytest.mark.free_names
@pytest.mark.parametrize("name", HOSTILE)
def test_file_names_cannot_forge_output(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = HOSTILE[name]
    (folder / name).write_bytes(TEXT)
    (folder / (name + ".br")).mkdir()
    assert compress(folder, "--codings", "gzip") == 0
    assert f"\n{shown}.gz: created" in "\n" + capsys.readouterr().out
    assert compress(folder, "--codings", "br", "--quiet") == 1
    assert capsys.readouterr().err == f"{shown}: Is a directory: {name_in_message(name)}.br\n"
    assert compress(folder / name) == 1
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert error.count("\n") == 1
    with pytest.raises(SystemExit):
        compress(folder, f"--{name}")
    assert set(capsys.readouterr().err) & {"\x1b", "\x9b", "\u202e", "\u2028"} == set()


def name_in_message(name: str) -> str:
    """Return a name as it is shown elsewhere than at the beginning of a line."""
    return HOSTILE[name].replace("\\x3a:", "::")


def test_the_drafts_of_a_killed_run_are_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = folder / "css/.wsgistatic-x.tmp"
    left.write_bytes(b"half")
    compress(folder)
    assert left.exists()  # another run may still be writing it
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
    assert compress(folder, "--check") == 0
    assert left.exists()
    assert compress(folder) == 0
    assert not left.exists()


@pytest.mark.byte_names
def test_errors_are_reported_and_the_other_files_compressed(
    public_directory: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.js", "b\udcff.js"):
        (public_directory / name).write_bytes(TEXT)
    (public_directory / "closed").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    (public_directory / "b\udcff.js").chmod(0o600 if os.geteuid() == 0 else 0)
    public_directory.chmod(0o777)
    request.getfixturevalue("ordinary_user")
    assert compress(public_directory, "--quiet") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["closed: Permission denied", "b\\udcff.js: Permission denied"]
    assert sidecars(public_directory) == {"a.js.gz", "a.js.zst", "a.js.br"}
    assert compress(public_directory) == 1
    assert capsys.readouterr().out.endswith("2 not compressed because of errors\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: DIR"),
        (["--codings", "lzma"], "--codings must be one of 'gzip', 'zstd', 'br', not 'lzma'"),
        (["--min-size", "-1"], "--min-size must be a number of bytes, KiB, MiB or GiB"),
        (["--min-saving", "100"], "--min-saving must be at least 0 and below 100 percent"),
        (["--min-saving", "x"], "--min-saving must be a percentage, not 'x'"),
        (["--level", "br"], "--level must be written as CODING=N, such as br=9, not 'br'"),
        (["--level", "br=12"], "--level br must be at most 11, not 12"),
        (["--jobs", "0"], "--jobs must be a whole number of at least 1, not '0'"),
        (["--jobs", "x"], "--jobs must be a whole number of at least 1, not 'x'"),
        (["--check", "--force"], "not allowed with argument"),
        (["--levl", "br=1"], "unknown option --levl; did you mean --level?"),
    ],
)
def test_usage_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        compress(*arguments, *([folder] if arguments else []))
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.posix_output
def test_missing_directories(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compress(folder / "nowhere") == 1
    assert "nowhere: No such file or directory" in capsys.readouterr().err
    assert compress(folder / "app.js") == 1
    assert "app.js: Not a directory" in capsys.readouterr().err


def test_without_the_libraries(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("brotli", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    assert compress(folder) == 0
    assert sidecars(folder) == {"app.js.gz", "app.css.gz"}
    output = capsys.readouterr().out
    assert [line.split()[0] for line in output.splitlines() if "not installed" in line] == [
        "br", "zstd",
    ]  # fmt: skip
    assert compress(folder, "--codings", "gzip,br") == 1
    assert "coding br needs Brotli: pip install Brotli" in capsys.readouterr().err


# The tests below run the command in a process of its own.


@contextmanager
def running(*arguments: object, **options: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "wsgistatic", "compress", *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    process: subprocess.Popen[str] = subprocess.Popen(
        command,
        # A shell that runs tests in the background ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
        **streams,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def drafts_in(root: Path) -> list[Path]:
    return list(root.rglob(".wsgistatic-*.tmp"))


def wait_for_work(process: subprocess.Popen[str], root: Path) -> None:
    """Wait until a large sidecar is being written and a small one is done."""
    deadline = time.monotonic() + 60
    while not (drafts_in(root) and sidecars(root)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def large(folder: Path) -> Path:
    """Add two files that keep Brotli busy for a minute."""
    for name in ("1.csv", "2.csv"):
        (folder / name).write_bytes(os.urandom(8_000_000).hex().encode())
    return folder


def test_sigterm_interrupts_until_the_block_ends() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _sigterm_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.fork
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(large: Path, number: signal.Signals) -> None:
    with running(large, "--codings", "br", "--jobs", "3") as process:
        wait_for_work(process, large)
        began = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 30  # the work stops after a block, not after a file
    assert process.returncode == 130
    assert errors == "wsgistatic: interrupted; the sidecars that were written are complete\n"
    assert drafts_in(large) == []
    assert sidecars(large) <= {"app.js.br", "app.css.br"}
    for path in large.rglob("*.br"):
        whole = b"".join(CODINGS["br"].decode([path.read_bytes()]))
        assert whole == path.with_suffix("").read_bytes()


@pytest.mark.fork
def test_killed(large: Path) -> None:
    with running(large, "--codings", "br", "--jobs", "3") as process:
        wait_for_work(process, large)
        process.kill()
        process.communicate()
    assert sidecars(large) <= {"app.js.br", "app.css.br"}
    assert drafts_in(large)  # they are never served, and a later run removes them


def on_a_terminal(*arguments: object, status: int = 0) -> str:
    """Run on a pseudo-terminal and return the output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        with running(*arguments, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            while select.select([ours], [], [], 60)[0]:
                try:
                    shown += os.read(ours, 10_000)
                except OSError:  # EIO: the other end is closed
                    break
            assert process.wait(60) == status
    finally:
        os.close(ours)
    return shown.decode()


@pytest.mark.terminal
def test_a_bar_on_a_terminal(folder: Path) -> None:
    pytest.importorskip("tqdm")
    shown = on_a_terminal(folder)
    assert "Compressing" in shown
    assert "100%" in shown
    assert "created (" not in shown
    assert "6 created" in shown
    (folder / "app.js.br").write_bytes(b"by another tool")
    assert "app.js.br: left alone" in on_a_terminal(folder)
    (folder / "app.js.br").unlink()
    assert "app.js.br: missing" in on_a_terminal(folder, "--check", status=1)
    assert on_a_terminal(folder, "--quiet") == ""


@pytest.mark.fork
def test_no_bar_elsewhere(folder: Path) -> None:
    with running(folder) as process:
        output, errors = process.communicate(timeout=60)
    assert errors == ""
    assert "app.js.br: created" in output


def test_plain_lines_on_a_terminal_without_tqdm(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert compress(folder) == 0
    captured = capsys.readouterr()
    assert "app.js.br: created" in captured.out
    assert captured.err == ""


def test_the_bar_counts_every_byte(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert compress(folder) == 0
    captured = capsys.readouterr()
    assert "Compressing: 100%" in captured.err
    assert "created (" not in captured.out


def test_the_documented_defaults() -> None:
    section = passage(".. option:: --min-size SIZE", ".. option:: --prune")
    documented = re.findall(r"The default is ([\d.]+) (bytes|percent)", section)
    parser = _parser()
    assert documented == [
        (str(parser.get_default("min_size")), "bytes"),
        (f"{parser.get_default('min_saving'):g}", "percent"),
    ]
