"""Which files in a directory tree are compressed, and which are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsgistatic.compress import edits
from wsgistatic.compress.originals import Originals, find_originals
from wsgistatic.files.directory import File, OpenDirectory


def below(root: Path, found: list[File]) -> list[str]:
    return [Path(file.path).relative_to(root).as_posix() for file in found]


def files(root: Path, found: Originals) -> list[str]:
    return below(root, found.files)


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_served_files_are_found_the_largest_first(tmp_path: Path) -> None:
    make(tmp_path, "b.css", "a.css", "sub/deep/x.js", ".well-known/security.txt")
    (tmp_path / "big.js").write_bytes(bytes(5000))
    found = find_originals(str(tmp_path))
    assert files(tmp_path, found) == [
        "big.js", ".well-known/security.txt", "sub/deep/x.js", "a.css", "b.css",
    ]  # fmt: skip
    assert found.size == 5000 + len(".well-known/security.txt" + "sub/deep/x.js" + "a.css" * 2)
    assert not found.skipped
    assert not found.errors


@pytest.mark.special_files
def test_files_that_are_not_served_are_ignored(tmp_path: Path) -> None:
    make(tmp_path, ".env", ".git/config", "sub/.hidden.css", ".well-known/.secret")
    os.mkfifo(tmp_path / "pipe.css")
    assert find_originals(str(tmp_path)) == Originals()


def test_sidecars_are_not_originals(tmp_path: Path) -> None:
    make(tmp_path, "a.css", "a.css.gz", "a.css.br", "a.css.zst", "a.css.gz.br", "sub/a.css.gz")
    found = find_originals(str(tmp_path))
    assert files(tmp_path, found) == ["a.css"]
    assert found.skipped == {"already compressed": 1}  # sub/a.css.gz may be a download
    assert below(tmp_path, found.orphans) == ["sub/a.css.gz"]


def test_only_files_that_a_run_could_have_written_are_orphans(tmp_path: Path) -> None:
    make(tmp_path, "gone.js.br", "gone.js.gz", "backup.tar.gz", "photo.png.gz", ".x.js.gz", "x.tgz")
    found = find_originals(str(tmp_path))
    assert below(tmp_path, found.orphans) == ["backup.tar.gz", "gone.js.br", "gone.js.gz"]


def test_a_directory_is_neither_a_sidecar_nor_an_original(tmp_path: Path) -> None:
    make(tmp_path, "app.js", "app.js.gz/x.css", "dir.css/y.css", "dir.css.gz")
    found = find_originals(str(tmp_path))
    assert sorted(files(tmp_path, found)) == ["app.js", "app.js.gz/x.css", "dir.css/y.css"]
    assert below(tmp_path, found.orphans) == ["dir.css.gz"]


@pytest.mark.unlocked_files
def test_a_file_that_is_removed_during_the_walk_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.css", "b.css")
    iterate = OpenDirectory.__iter__

    def remove_before_stat(directory: OpenDirectory) -> Iterator[os.DirEntry[str]]:
        for entry in iterate(directory):
            if entry.name == "b.css":
                (tmp_path / "b.css").unlink()
            yield entry

    monkeypatch.setattr(OpenDirectory, "__iter__", remove_before_stat)
    found = find_originals(str(tmp_path))
    assert files(tmp_path, found) == ["a.css"]
    assert not found.errors


@pytest.mark.long_paths
def test_a_deep_tree(tmp_path: Path) -> None:
    directory = str(tmp_path)
    for _ in range(600):
        directory += "/d"
        os.mkdir(directory)
    Path(directory, "a.css").write_bytes(b"x")
    assert len(find_originals(str(tmp_path)).files) == 1


def test_directories_and_excluded_files_are_not_orphans(tmp_path: Path) -> None:
    make(tmp_path, "gone.css.gz/a.css", "data.csv.gz", "gone.js.gz")
    found = find_originals(str(tmp_path), ["data.*"])
    assert below(tmp_path, found.orphans) == ["gone.js.gz"]
    assert files(tmp_path, found) == ["gone.css.gz/a.css"]


def test_skipped_files_are_counted_by_reason(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.jpg", "c.iso", "vendor/x.js", "d.min.js")
    found = find_originals(str(tmp_path), ["vendor", "*.min.js"])
    assert found.files == []
    assert found.skipped == {"already compressed": 2, "read in ranges": 1, "excluded": 2}


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("a.css", ["sub/b.css"]),
        ("b.css", ["a.css", "sub/a.css"]),
        ("sub/*", ["a.css"]),
        ("sub", ["a.css"]),
        ("/a.css", ["a.css", "sub/a.css", "sub/b.css"]),
        ("[ab].css", []),
        ("A.css", ["a.css", "sub/a.css", "sub/b.css"]),
        ("sub/a*", ["a.css", "sub/b.css"]),
    ],
)
def test_globs_are_compared_with_path_and_name(tmp_path: Path, glob: str, left: list[str]) -> None:
    make(tmp_path, "a.css", "sub/a.css", "sub/b.css")
    assert sorted(files(tmp_path, find_originals(str(tmp_path), [glob]))) == left


@pytest.mark.symlinks
def test_links_are_followed_only_inside_the_directory(tmp_path: Path) -> None:
    root = tmp_path / "site"
    make(root, "real.css", "dir/x.css")
    make(tmp_path, "secret.css")
    (root / "inside.css").symlink_to("real.css")
    (root / "outside.css").symlink_to("../secret.css")
    (root / "dangling.css").symlink_to("nothing")
    (root / "loop.css").symlink_to("loop.css")
    (root / "linked").symlink_to("dir")
    (root / "parent").symlink_to("..")
    (root / "inside.png").symlink_to("real.css")
    found = find_originals(str(root))
    assert sorted(files(root, found)) == ["dir/x.css", "inside.css", "real.css"]
    assert found.skipped == {
        "broken link, or link out of the directory": 4,
        "already compressed": 1,
    }
    assert not found.errors


@pytest.mark.symlinks
def test_the_directory_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path, "real/a.css")
    (tmp_path / "link").symlink_to("real")
    assert files(tmp_path, find_originals(str(tmp_path / "link"))) == ["link/a.css"]


@pytest.mark.permissions
def test_unreadable_paths_are_reported(
    public_directory: Path, request: pytest.FixtureRequest
) -> None:
    make(public_directory, "a.css", "closed/x.css", "shut.css")
    (public_directory / "link.css").symlink_to("shut.css")
    (public_directory / "closed").chmod(0o700)
    (public_directory / "shut.css").chmod(0o600)
    if os.geteuid() != 0:
        (public_directory / "closed").chmod(0o000)
        (public_directory / "shut.css").chmod(0o000)
    request.getfixturevalue("ordinary_user")
    found = find_originals(str(public_directory))
    # That shut.css is unreadable is noticed only when it is opened.
    assert files(public_directory, found) == ["shut.css", "a.css"]
    assert [os.path.basename(path) for path, _ in found.errors] == ["closed", "link.css"]
    assert all(isinstance(error, PermissionError) for _, error in found.errors)


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_originals(str(tmp_path / "nowhere"))


def test_drafts_of_a_killed_run_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "sub/.wsgistatic-abc.tmp", "sub/.other.tmp")
    assert find_originals(str(tmp_path)).stale_drafts == []
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
    stale_drafts = find_originals(str(tmp_path)).stale_drafts
    assert below(tmp_path, stale_drafts) == ["sub/.wsgistatic-abc.tmp"]
