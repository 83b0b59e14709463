"""Loader: from a source and Accept-Encoding to an open, described and remembered representation."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import age, settle
from tests.source_kinds import Blob, zip_of
from wsgistatic.files import digests
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import Directory, File, OpenFile
from wsgistatic.files.packages import traversable_source
from wsgistatic.files.sources import MemorySource, ObjectSource
from wsgistatic.files.versions import signature
from wsgistatic.http.conditional import Validators, is_entity_tag
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.representations.cache import Cache
from wsgistatic.representations.compression import Compression
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.loader import Loaded, Loader, Target
from wsgistatic.representations.representation import EtagMode, Representation
from wsgistatic.representations.sidecars import Sidecars

SECOND = 1_000_000_000
pytestmark = pytest.mark.usefixtures("open_descriptors")


class Fixture:
    """A loader with its cache, for the files of a directory."""

    def __init__(
        self,
        root: Path,
        *,
        etag: EtagMode = "stat",
        encodings: tuple[str, ...] = ("br", "gzip"),
        policy: HeaderPolicy | None = None,
        compress: bool = False,
        validators: Validators | None = None,
        max_body_size: int = 4_000,
    ) -> None:
        self.directory = Directory(str(root))
        sidecars = Sidecars(encodings)
        self.cache = Cache(1_000_000, max_body_size, 0.0, sidecars)
        media_types = MediaTypes()
        self.loader = Loader(
            self.cache,
            sidecars,
            policy or HeaderPolicy("no-cache", True, None),
            media_types,
            etag,
            Compression(encodings, media_types, 1_000_000) if compress else None,
            validators,
        )

    def target(self, name: str) -> Target:
        return Target(self.directory.file(tuple(name.split("/"))), f"/u/{name}", f"/{name}")

    def load(
        self,
        name: str,
        accept_encoding: str | None = None,
        *,
        want_body: bool = False,
        want_range: bool = False,
    ) -> Loaded:
        return self.loader.load(
            self.target(name), accept_encoding, want_body=want_body, want_range=want_range
        )

    def describe(self, name: str, accept_encoding: str | None = None) -> Representation:
        return self.load(name, accept_encoding).representation

    def remember(self, name: str, accept_encoding: str | None = None, **options: Any) -> Loaded:
        loaded = self.load(name, accept_encoding, want_body=True)
        self.loader.remember(loaded, self.loader.content_to_keep(loaded), **options)
        loaded.close()
        return loaded


@pytest.fixture
def coded(site: Path) -> Path:
    """The site with a file ``app.js``, which is compressible and has a sidecar."""
    (site / "app.js").write_bytes(b"let answer = 42;\n" * 100)
    (site / "app.js.gz").write_bytes(gzip.compress(b"let answer = 42;\n" * 100))
    for name in ("app.js", "app.js.gz"):
        age(site / name)
    settle()
    return site


def test_headers_depend_on_the_name_and_the_policy(site: Path) -> None:
    made = Fixture(site).describe("sub/page.html")
    headers = dict(made.full_headers)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Length"] == "11"
    assert headers["Cache-Control"] == "no-cache"
    assert made.path == str(site / "sub" / "page.html")


@pytest.mark.parametrize(("etag", "has_tag"), [("stat", True), ("content", True), (None, False)])
@pytest.mark.parametrize("want_body", [True, False])
def test_etag_modes(site: Path, etag: EtagMode, has_tag: bool, want_body: bool) -> None:
    loaded = Fixture(site, etag=etag).load("hello.txt", want_body=want_body)
    loaded.close()
    made = loaded.representation
    assert (made.validators.etag is not None) is has_tag
    assert ("ETag" in dict(made.full_headers)) is has_tag
    if made.validators.etag is not None:
        assert is_entity_tag(made.validators.etag)
    assert (made.digest is not None) is (etag == "content")


def test_open_file_is_hashed_without_a_second_open(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = File.open

    def count(file: File) -> OpenFile:
        opened.append(file)
        return real(file)

    monkeypatch.setattr(File, "open", count)
    fixture = Fixture(site, etag="content")
    loaded = fixture.load("hello.txt", want_body=True)
    loaded.close()
    assert len(opened) == 1
    assert loaded.representation.digest == hashlib.sha256(b"hello world\n").digest()
    assert fixture.describe("hello.txt").validators.etag == loaded.representation.validators.etag


def test_recent_file_is_not_settled(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "new.txt").write_text("new")
    changed = (site / "new.txt").stat().st_ctime_ns
    for age_ns, settled in ((1_000_000, False), (2 * SECOND, True)):
        monkeypatch.setattr(time, "time_ns", lambda age_ns=age_ns: changed + age_ns)
        made = Fixture(site).describe("new.txt")
        assert made.settled is settled
        assert made.validators.etag is not None
        assert made.validators.etag.startswith("W/") is not settled


@pytest.mark.parametrize(
    ("last_changed", "age_ns", "settled"),
    [
        ("app.js", 2 * SECOND, True),
        ("app.js", 1_000_000, False),
        ("app.js.gz", 2 * SECOND, True),
        ("app.js.gz", 1_000_000, False),
    ],
)
def test_stored_coding_is_settled_if_its_original_is_too(
    coded: Path,
    last_changed: str,
    age_ns: int,
    settled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    age(coded / last_changed)  # now it has a recent ctime
    now = (coded / last_changed).stat().st_ctime_ns + age_ns
    monkeypatch.setattr(time, "time_ns", lambda: now)
    made = Fixture(coded).describe("app.js", "gzip")
    assert made.coding == "gzip"
    assert made.settled is settled


@pytest.mark.parametrize("etag", ["stat", "content"])
@pytest.mark.parametrize(
    ("age_seconds", "cache_control"),
    [(1, "no-cache"), (3, "max-age=31536000, immutable")],
)
def test_caches_do_not_keep_parts_of_a_version_whose_successor_may_look_the_same(
    site: Path,
    etag: EtagMode,
    age_seconds: int,
    cache_control: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = (site / "hello.txt").stat().st_mtime_ns + age_seconds * SECOND
    monkeypatch.setattr(time, "time_ns", lambda: now)
    policy = HeaderPolicy("max-age=60", False, None, immutable=r"\.txt$")
    made = Fixture(site, etag=etag, policy=policy).describe("hello.txt")
    assert dict(made.partial_headers)["Cache-Control"] == cache_control
    for headers in (made.full_headers, made.not_modified_headers):
        assert "immutable" in dict(headers)["Cache-Control"]
        assert dict(headers)["ETag"].startswith("W/") is (age_seconds == 1)


@pytest.mark.parametrize("want_body", [True, False])
def test_stored_coding_is_loaded_with_the_headers_of_its_original(
    coded: Path, want_body: bool
) -> None:
    loaded = Fixture(coded).load("app.js", "gzip", want_body=want_body)
    made, choice = loaded.representation, loaded.choice
    assert made.path == choice.source.path == str(coded / "app.js.gz")
    assert choice.version.size == made.size == (coded / "app.js.gz").stat().st_size
    assert (made.coding, made.varies, choice.varies) == ("gzip", True, True)
    assert made.content_type == "text/javascript; charset=utf-8"
    assert made.validators.etag is not None
    assert made.validators.etag.endswith('-gzip"')
    assert choice.original_status is not None
    assert signature(choice.original_status) == signature((coded / "app.js").stat())
    if want_body:
        content = loaded.opened.file.read_at(0, made.size)
        assert gzip.decompress(content) == (coded / "app.js").read_bytes()
    loaded.close()
    loaded.close()


def test_own_bytes_vary_if_there_is_a_sidecar_or_if_they_may_be_compressed(coded: Path) -> None:
    pytest.importorskip("brotli")
    for fixture, name, varies in (
        (Fixture(coded), "app.js", True),
        (Fixture(coded, encodings=()), "app.js", False),
        (Fixture(coded), "hello.txt", False),
        (Fixture(coded, compress=True), "hello.txt", False),  # too small
        (Fixture(coded, encodings=("br",)), "app.js", False),
        (Fixture(coded, encodings=("br",), compress=True), "app.js", True),
    ):
        made = fixture.describe(name)
        assert made.varies is varies
        assert ("Vary" in dict(made.full_headers)) is varies
        assert made.coding is None


def change_sidecar(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Change a sidecar after it was chosen and before it is opened."""
    real = File.open

    def change_then_open(file: File) -> OpenFile:
        if file.path.endswith(".gz"):
            change()
        return real(file)

    monkeypatch.setattr(File, "open", change_then_open)


def test_sidecar_that_vanishes_before_it_is_opened(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_sidecar(monkeypatch, (coded / "app.js.gz").unlink)
    with pytest.raises(FileChangedError):
        Fixture(coded).load("app.js", "gzip", want_body=True)


def test_sidecar_that_becomes_older_than_its_original(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_sidecar(monkeypatch, lambda: os.utime(coded / "app.js.gz", (10, 10)))
    with pytest.raises(FileChangedError):
        Fixture(coded).load("app.js", "gzip", want_body=True)


@pytest.mark.parametrize("want_body", [True, False])
def test_file_itself_is_sent_while_its_sidecar_cannot_be_opened(
    coded: Path, want_body: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(coded / "app.js.gz", (2_000_000_001, 2_000_000_001))  # a version not seen before

    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    change_sidecar(monkeypatch, fail)
    fixture = Fixture(coded)
    loaded = fixture.load("app.js", "gzip", want_body=want_body)
    loaded.close()
    assert (loaded.representation.coding, loaded.representation.varies) == (None, True)
    # The choice is not based on the shortage for longer than a second.
    assert loaded.choice.sidecar_stats == (None, errno.EMFILE)


def test_file_that_grows_while_it_is_hashed_is_described_as_it_is_then(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle()
    real = digests.hash_content

    def append_then_hash(*arguments: Any) -> bytes:
        with (site / "hello.txt").open("ab") as file:
            file.write(b"more")
        return real(*arguments)

    monkeypatch.setattr(digests, "hash_content", append_then_hash)
    loaded = Fixture(site, etag="content").load("hello.txt", want_body=True)
    made = loaded.representation
    assert (made.validators.etag, made.digest, made.settled) == (None, None, False)
    assert made.size == loaded.opened.size == 16
    assert loaded.opened.file.read_at(0, 100) == b"hello world\nmore"
    loaded.close()


def test_file_that_changes_before_it_is_hashed_for_a_head(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = File.open

    def append_then_open(file: File) -> OpenFile:
        with (site / "hello.txt").open("ab") as writer:
            writer.write(b"more")
        return real(file)

    monkeypatch.setattr(File, "open", append_then_open)
    made = Fixture(site, etag="content").describe("hello.txt")
    assert (made.validators.etag, made.digest) == (None, None)


@pytest.mark.parametrize("want_body", [True, False])
@pytest.mark.parametrize("validators", [None, Validators('"v1"', 86400, True)])
@pytest.mark.parametrize("etag", ["stat", "content", None])
def test_source_without_time_stamps(
    site: Path, etag: EtagMode, validators: Validators | None, want_body: bool
) -> None:
    loader = Fixture(site, etag=etag, validators=validators, compress=True).loader
    target = Target(MemorySource(b"content"), "/u", "/key")
    loaded = loader.load(target, "gzip", want_body=want_body)
    made = loaded.representation
    assert (made.path, made.size, made.settled) == ("<bytes>", 7, True)
    assert (made.coding, made.varies) == (None, False)
    if validators is not None:
        assert (made.validators, made.digest) == (validators, None)
    elif etag is None:
        assert made.validators == Validators()
    else:
        digest = hashlib.sha256(b"content").digest()
        assert made.validators == Validators(f'"{digest.hex()[:32]}"')
        assert made.digest == (digest if etag == "content" else None)
    loaded.close()


def test_source_that_has_no_fingerprint_has_no_etag(site: Path) -> None:
    loader = Fixture(site).loader
    target = Target(ObjectSource(Blob(b"content")), "/u", "/key")
    assert loader.load(target, None, want_body=False).representation.validators == Validators()


def test_content_to_keep(site: Path) -> None:
    settle()
    fixture = Fixture(site, max_body_size=500)
    for name, content in (
        ("hello.txt", b"hello world\n"),
        ("digits.bin", None),  # too large
        ("empty.bin", None),
    ):
        loaded = fixture.load(name, want_body=True)
        assert fixture.loader.content_to_keep(loaded) == content
        loaded.close()


def test_content_of_a_recent_file_is_not_kept(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = (site / "hello.txt").stat().st_ctime_ns + 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    fixture = Fixture(site)
    loaded = fixture.remember("hello.txt")
    assert fixture.loader.content_to_keep(loaded) is None
    assert not fixture.cache.files


def test_content_that_changes_before_it_is_read(site: Path) -> None:
    settle()
    fixture = Fixture(site)
    loaded = fixture.load("hello.txt", want_body=True)
    (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
    with pytest.raises(FileChangedError):
        fixture.loader.content_to_keep(loaded)
    loaded.close()


def test_source_that_no_stat_can_check_is_not_kept(site: Path) -> None:
    fixture = Fixture(site)
    loaded = fixture.loader.load(Target(MemorySource(b"x"), "/u", "/key"), None, want_body=True)
    assert fixture.loader.content_to_keep(loaded) is None
    fixture.loader.remember(loaded)
    assert not fixture.cache.files


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_member_of_an_archive_is_kept(tmp_path: Path, compression: int) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.txt": b"content" * 10}, compression)
    settle()
    fixture = Fixture(tmp_path)
    with zipfile.ZipFile(path) as archive:
        target = Target(traversable_source(zipfile.Path(archive, "x.txt")), "/u/x.txt", "/x.txt")
        loaded = fixture.loader.load(target, None, want_body=True)
        content = fixture.loader.content_to_keep(loaded)
        assert content == b"content" * 10
        fixture.loader.remember(loaded, content)
        loaded.close()
    variant = fixture.cache.files["/x.txt"].only
    assert variant is not None
    assert (variant.path, variant.content, variant.is_readable) == (str(path), content, False)
    assert fixture.cache.files["/x.txt"].sidecar_stats is None


def test_member_of_an_archive_in_memory_is_not_kept_even_if_that_has_a_name(
    tmp_path: Path,
) -> None:
    class Named(io.BytesIO):
        name = "a.zip"

    path = zip_of(tmp_path / "a.zip", {"x.txt": b"content" * 10}, zipfile.ZIP_STORED)
    fixture = Fixture(tmp_path)
    with zipfile.ZipFile(Named(path.read_bytes())) as archive:
        target = Target(traversable_source(zipfile.Path(archive, "x.txt")), "/u/x.txt", "/x.txt")
        loaded = fixture.loader.load(target, None, want_body=True)
        assert loaded.choice.version.holder is not None
        assert fixture.loader.content_to_keep(loaded) is None
        fixture.loader.remember(loaded)
        loaded.close()
    assert not fixture.cache.files


def test_member_of_an_archive_that_ends_early_is_not_kept(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.txt": b"content" * 10}, zipfile.ZIP_DEFLATED)
    settle()
    fixture = Fixture(tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.txt").file_size += 1
        target = Target(traversable_source(zipfile.Path(archive, "x.txt")), "/u/x.txt", "/x.txt")
        loaded = fixture.loader.load(target, None, want_body=True)
        with pytest.raises(OSError, match="the source ended before its length"):
            fixture.loader.content_to_keep(loaded)
        loaded.close()


@pytest.mark.change_times
def test_version_in_the_cache_is_not_described_again(site: Path) -> None:
    settle()
    fixture = Fixture(site)
    loaded = fixture.remember("hello.txt")
    assert fixture.describe("hello.txt") is loaded.representation
    age(site / "hello.txt")  # a new ctime
    settle()
    assert fixture.describe("hello.txt") is not loaded.representation


@pytest.mark.symlinks
def test_description_of_another_path_is_not_reused(site: Path) -> None:
    settle()
    (site / "page").symlink_to("hello.txt")
    fixture = Fixture(site)
    fixture.remember("hello.txt")
    target = Target(fixture.directory.file(("page",)), "/u/page", "/hello.txt")
    made = fixture.loader.load(target, None, want_body=False).representation
    assert made.path == str(site / "page")
    assert made.content_type == "application/octet-stream"


def test_version_that_gets_its_date_is_described_again(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "new.txt").write_text("new")
    changed = (site / "new.txt").stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: changed + SECOND)
    monkeypatch.setattr(time, "time", lambda: changed / SECOND + 1)
    fixture = Fixture(site)
    first = fixture.remember("new.txt").representation
    assert not first.validators.date_is_strong
    assert first.validators.last_modified is None
    assert fixture.describe("new.txt") is first
    monkeypatch.setattr(time, "time_ns", lambda: changed + 3 * SECOND)
    monkeypatch.setattr(time, "time", lambda: changed / SECOND + 3)
    described = fixture.describe("new.txt").validators
    assert described == Validators(described.etag, changed // SECOND, True)


def test_version_dated_ahead_of_the_clock_is_described_again(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle()
    fixture = Fixture(site)
    first = fixture.remember("hello.txt").representation
    assert first.validators.last_modified is not None
    now = first.validators.last_modified - 100
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(time, "time_ns", lambda: now * SECOND)
    assert fixture.describe("hello.txt").validators.last_modified is None


def test_file_that_gets_a_sidecar_is_described_again(coded: Path) -> None:
    (coded / "app.js.gz").rename(coded / "away")
    fixture = Fixture(coded)
    assert not fixture.remember("app.js").representation.varies
    (coded / "away").rename(coded / "app.js.gz")
    assert fixture.describe("app.js").varies


def test_text_is_compressed_and_the_result_remembered(coded: Path) -> None:
    fixture = Fixture(coded, encodings=("gzip",), compress=True)
    (coded / "app.js.gz").unlink()
    own = fixture.describe("app.js")
    loaded = fixture.remember("app.js", "gzip")
    assert loaded.content is not None
    assert gzip.decompress(loaded.content) == (coded / "app.js").read_bytes()
    made = loaded.representation
    assert (made.coding, made.size) == ("gzip", len(loaded.content))
    assert not made.has_ranges
    for want_body in (True, False):
        again = fixture.load("app.js", "gzip, not seen before", want_body=want_body)
        assert again.representation is made
        assert again.content is loaded.content
        again.close()
    ranged = fixture.load("app.js", "gzip", want_range=True)
    assert (ranged.representation, ranged.content) == (own, None)


def test_file_that_is_replaced_before_it_is_compressed_for_a_head(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (coded / "app.js.gz").unlink()
    real = File.open

    def replace_then_open(file: File) -> OpenFile:
        (coded / "next.js").write_bytes(b"let question;\n" * 100)
        (coded / "next.js").replace(coded / "app.js")
        return real(file)

    monkeypatch.setattr(File, "open", replace_then_open)
    with pytest.raises(FileChangedError):
        Fixture(coded, encodings=("gzip",), compress=True).load("app.js", "gzip")


@pytest.mark.parametrize(
    ("name", "accept_encoding", "compress", "final", "is_kept"),
    [
        ("app.js", "br", True, False, False),  # without its Range it would be compressed
        ("app.js", "br", True, True, True),
        ("app.js", "br", False, False, True),
        ("app.js", "gzip", True, False, True),  # a sidecar is sent with and without a Range
        ("hello.txt", "br", True, False, True),  # too small to be compressed
    ],
)
def test_own_bytes_are_not_remembered_if_only_a_range_leads_to_them(
    coded: Path, name: str, accept_encoding: str, compress: bool, final: bool, is_kept: bool
) -> None:
    fixture = Fixture(coded, compress=compress)
    loaded = fixture.load(name, accept_encoding, want_range=True)
    fixture.loader.remember(loaded, final=final)
    assert bool(fixture.cache.files) is is_kept


def test_variant_of_a_sidecar_knows_its_original(coded: Path) -> None:
    fixture = Fixture(coded)
    fixture.remember("app.js", "gzip")
    cached = fixture.cache.files["/app.js"]
    variant = cached.variant_for("gzip")
    assert variant is not None
    assert variant.original is not None
    assert (variant.path, variant.original.path) == (
        str(coded / "app.js.gz"),
        str(coded / "app.js"),
    )
    assert cached.path == variant.original.path
    assert fixture.cache.is_fresh(variant)
    (coded / "app.js").write_bytes(b"changed")
    assert not fixture.cache.is_fresh(variant)


def test_failed_load_closes_what_it_opened(coded: Path) -> None:
    def fail(headers: Any, path: str, url: str) -> None:
        raise RuntimeError

    fixture = Fixture(coded, policy=HeaderPolicy(None, False, None, headers=fail))
    for accept_encoding in (None, "gzip"):
        with pytest.raises(OSError, match="headers"):
            fixture.load("app.js", accept_encoding, want_body=True)


@pytest.mark.parametrize(
    ("name", "error"), [("sub", IsADirectoryError), ("nope", FileNotFoundError)]
)
@pytest.mark.parametrize("want_body", [True, False])
def test_names_that_are_not_files(
    site: Path, name: str, error: type[OSError], want_body: bool
) -> None:
    with pytest.raises(error):
        Fixture(site).load(name, want_body=want_body)
