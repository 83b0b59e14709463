"""The compressor: which sidecars it writes, keeps, replaces and removes."""

from __future__ import annotations

import gzip
import os
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
from wsgistatic.compress.originals import FileVersion
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import single_file
from wsgistatic.files.versions import signature
from wsgistatic.http.codings import CODINGS

TEXT = b"".join(b"line %d of some text\n" % number for number in range(3000))
EXTENSIONS = {"gzip": ".gz", "zstd": ".zst", "br": ".br"}
CREATED, REPLACED, REDATED, KEPT, REMOVED, NONE = Action


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


@pytest.mark.parametrize("coding", EXTENSIONS)
def test_reading_a_sidecar_needs_little_memory(
    path: Path, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)
    compressor = Compressor([coding], levels={coding: 1})
    assert actions(compressor.compress_file(path)) == [CREATED]
    os.utime(path)
    largest = 0
    digest_of = originals.digest_of

    def watched(blocks: Iterator[bytes]) -> bytes:
        def watch() -> Iterator[bytes]:
            nonlocal largest
            for block in blocks:
                largest = max(largest, len(block))
                yield block

        return digest_of(watch())

    monkeypatch.setattr("wsgistatic.compress.compressor.digest_of", watched)
    assert actions(compressor.compress_file(path)) == [REDATED]
    assert 0 < largest < 1_000_000


def test_a_newer_sidecar_of_another_tool_is_kept_if_its_content_is_right(path: Path) -> None:
    beside(path).write_bytes(gzip.compress(TEXT, 6, mtime=0))
    before = signature(beside(path).stat())
    assert actions(Compressor(["gzip"]).compress_file(path)) == [KEPT]
    assert signature(beside(path).stat()) == before


@pytest.mark.parametrize(
    "wrong",
    [
        gzip.compress(b"another", mtime=0),
        gzip.compress(TEXT, mtime=0)[:-9],
        gzip.compress(TEXT, mtime=0) + b"more",
        gzip.compress(TEXT[:-1], mtime=0),
        b"",
        b"no gzip",
    ],
)
def test_a_sidecar_that_holds_something_else_is_replaced(path: Path, wrong: bytes) -> None:
    beside(path).write_bytes(wrong)  # newer than the file: the server would send it
    assert actions(Compressor(["gzip"]).compress_file(path)) == [REPLACED]
    assert content(path) == TEXT


def test_a_link_in_place_of_a_sidecar_is_replaced_not_followed(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"precious")
    beside(path).symlink_to(elsewhere)
    assert actions(Compressor(["gzip"]).compress_file(path)) == [REPLACED]
    assert not beside(path).is_symlink()
    assert elsewhere.read_bytes() == b"precious"


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
        patch.setattr("tempfile.mkstemp", None)  # not even a draft is written
        assert actions(dry.compress_file(path)) == [CREATED] * 3
    assert names(path) == {"app.js"}
    Compressor(["gzip"]).compress_file(path)
    os.utime(path)
    before = signature(beside(path).stat())
    assert actions(dry.compress_file(path)) == [REDATED, CREATED, CREATED]
    assert actions(Compressor(["gzip"], dry_run=True, min_size=10**6).compress_file(path)) == [
        REMOVED
    ]
    dry.remove(str(beside(path)))
    assert signature(beside(path).stat()) == before


@pytest.mark.usefixtures("open_descriptors")
def test_a_link_gets_sidecars_under_its_own_name(path: Path) -> None:
    link = path.with_name("link.js")
    link.symlink_to("app.js")
    assert actions(Compressor().compress_file(link)) == [CREATED] * 3
    assert content(link) == TEXT
    assert not beside(path).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(TEXT * 2),
        lambda path: path.write_bytes(TEXT[:-1]),
        lambda path: path.write_bytes(TEXT[::-1]),
        lambda path: path.with_name("new").rename(path),
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


def test_an_unreadable_directory_is_one_of_the_results(
    public_directory: Path, request: pytest.FixtureRequest
) -> None:
    (public_directory / "closed").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    request.getfixturevalue("ordinary_user")
    (result,) = compress_directory(public_directory, Compressor(["gzip"]))
    assert isinstance(result.error, PermissionError)
    assert result.path == str(public_directory / "closed")


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
