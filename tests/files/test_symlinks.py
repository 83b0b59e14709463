"""Walkers: no path and no symbolic link leads out of the root."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any, TypeVar

import pytest

from wsgistatic.files.directory import _open_regular, _stat_readable
from wsgistatic.files.symlinks import (
    DescriptorWalker,
    FollowingWalker,
    LinkMetError,
    PathWalker,
    Walker,
    resolve_inside,
)
from wsgistatic.files.versions import RegularFile

pytestmark = [pytest.mark.usefixtures("way"), pytest.mark.symlinks]

T = TypeVar("T")
Segments = tuple[str, ...]
WALKERS = (DescriptorWalker, PathWalker)


def read(walker: Walker, *segments: str) -> bytes:
    with walker.visit(segments, _open_regular) as file:
        return file.read()


@pytest.fixture
def links(site: Path) -> Path:
    (site / "in.txt").symlink_to("hello.txt")
    (site / "absolute.txt").symlink_to(site / "hello.txt")
    (site / "chain.txt").symlink_to("in.txt")
    (site / "subdir").symlink_to("sub")
    (site / "sub" / "up.txt").symlink_to("../hello.txt")
    (site / "out.txt").symlink_to("../secret.txt")
    (site / "outdir").symlink_to("..")
    (site / "dangling").symlink_to("nowhere")
    (site / "loop").symlink_to("loop")
    (site / "self").symlink_to(".")
    (site / "out-and-in.txt").symlink_to("../site/hello.txt")
    # A Kubernetes ConfigMap: the links lead to names with dots, which are not part of the URL.
    (site / "..2026").mkdir()
    (site / "..2026" / "config.json").write_text("{}")
    (site / "..data").symlink_to("..2026")
    (site / "config.json").symlink_to("..data/config.json")
    return site


INSIDE: list[tuple[Segments, bytes]] = [
    (("hello.txt",), b"hello world\n"),
    (("in.txt",), b"hello world\n"),
    (("absolute.txt",), b"hello world\n"),
    (("chain.txt",), b"hello world\n"),
    (("subdir", "page.html"), b"<p>page</p>"),
    (("sub", "up.txt"), b"hello world\n"),
    (("self", "self", "hello.txt"), b"hello world\n"),
    (("out-and-in.txt",), b"hello world\n"),
    (("config.json",), b"{}"),
]


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize(("segments", "content"), INSIDE)
def test_links_that_stay_inside(
    links: Path, walker: type[DescriptorWalker], segments: Segments, content: bytes
) -> None:
    assert read(walker(str(links), "inside"), *segments) == content


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize(
    "segments",
    [("out.txt",), ("outdir", "secret.txt"), ("dangling",), ("loop",), ("loop", "x"),
     ("hello.txt", "x"), ("none", "x"), ("outdir", "site", "hello.txt", "x")],
)  # fmt: skip
def test_links_that_miss(
    links: Path, walker: type[DescriptorWalker], segments: Segments, open_descriptors: None
) -> None:
    with pytest.raises((FileNotFoundError, NotADirectoryError, OSError)) as caught:
        read(walker(str(links), "inside"), *segments)
    assert not isinstance(caught.value, (PermissionError, IsADirectoryError))


@pytest.mark.parametrize("walker", WALKERS)
def test_sibling_with_the_roots_name_as_prefix_is_outside(
    site: Path, walker: type[DescriptorWalker]
) -> None:
    # CVE-2014-6394 and similar: by comparison of strings, site-hello.txt would be inside. Cut at
    # the length of the root, it would even be the name of an existing file.
    site.with_name("site-hello.txt").write_text("canary")
    (site / "link.txt").symlink_to("../site-hello.txt")
    with pytest.raises(FileNotFoundError):
        read(walker(str(site), "inside"), "link.txt")


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("segments", [segments for segments, _ in INSIDE[1:]])
def test_deny(links: Path, walker: type[DescriptorWalker], segments: Segments) -> None:
    strict = walker(str(links), "deny")
    with pytest.raises(FileNotFoundError):
        read(strict, *segments)
    assert read(strict, "hello.txt") == b"hello world\n"
    assert read(strict, "sub", "page.html") == b"<p>page</p>"


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("segments", [(), ("self",), ("sub",), ("subdir",)])
def test_directories(links: Path, walker: type[DescriptorWalker], segments: Segments) -> None:
    with pytest.raises(IsADirectoryError):
        walker(str(links), "inside").visit(segments, _stat_readable)


def test_follow(links: Path) -> None:
    walker = FollowingWalker(str(links))
    assert read(walker, "out.txt") == b"canary"
    assert read(walker, "outdir", "secret.txt") == b"canary"
    with pytest.raises(FileNotFoundError):
        read(walker, "dangling")


@pytest.mark.parametrize("walker", WALKERS)
def test_root_may_be_a_link_that_is_replaced(
    tmp_path: Path, site: Path, walker: type[DescriptorWalker]
) -> None:
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "hello.txt").write_text("next")
    current = tmp_path / "current"
    current.symlink_to(site)
    moving = walker(str(current), "inside")
    assert read(moving, "hello.txt") == b"hello world\n"
    (tmp_path / "new").symlink_to(tmp_path / "next")
    (tmp_path / "new").rename(current)
    assert read(moving, "hello.txt") == b"next"


@pytest.mark.parametrize("kind", ["descriptor", "path", "following"])
def test_name_that_remains_a_link_is_a_miss(site: Path, kind: str) -> None:
    walkers: dict[str, Walker] = {
        "descriptor": DescriptorWalker(str(site), "inside"),
        "path": PathWalker(str(site), "inside"),
        "following": FollowingWalker(str(site)),
    }

    def always_a_link(name: str, dir_fd: int | None) -> RegularFile:
        raise LinkMetError

    with pytest.raises(FileNotFoundError):
        walkers[kind].visit(("hello.txt",), always_a_link)


@pytest.mark.parametrize("walker", [*WALKERS, FollowingWalker])
def test_name_that_is_swapped_several_times_is_found(site: Path, walker: Any) -> None:
    swaps = iter(range(5))

    def fail_five_times(name: str, dir_fd: int | None) -> str:
        if next(swaps, None) is not None:
            raise LinkMetError
        return os.path.basename(name)

    arguments = () if walker is FollowingWalker else ("inside",)
    assert walker(str(site), *arguments).visit(("hello.txt",), fail_five_times) == "hello.txt"


def test_root_may_be_the_file_systems_root(site: Path) -> None:
    (site / "link.txt").symlink_to("hello.txt")
    below = (site / "link.txt").resolve().parent.parts[1:]
    assert resolve_inside("/", (*below, "link.txt")) == ("/", (*below, "hello.txt"))


@pytest.mark.parametrize("number", [errno.ELOOP, errno.EMLINK])
def test_link_in_the_path_is_recognised_on_every_platform(
    site: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (site / "link").symlink_to("sub")
    real = os.open

    def as_on_another_platform(name: str, *arguments: Any, **options: Any) -> int:
        if name == "link":
            raise OSError(number, os.strerror(number))
        return real(name, *arguments, **options)

    monkeypatch.setattr(os, "open", as_on_another_platform)
    walker = DescriptorWalker(str(site), "inside")
    assert walker.visit(("link", "page.html"), _stat_readable).st_size == 11


def test_path_walker_closes_a_file_that_moved_meanwhile(site: Path, open_descriptors: None) -> None:
    link = site / "flip.txt"
    link.symlink_to("hello.txt")

    def open_then_flip(name: str, dir_fd: int | None) -> RegularFile:
        opened = _open_regular(name, dir_fd)
        link.unlink()
        link.symlink_to("../secret.txt")
        return opened

    with pytest.raises(FileNotFoundError):
        PathWalker(str(site), "inside").visit(("flip.txt",), open_then_flip)


def test_path_walker_retries(site: Path) -> None:
    calls = 0

    def stat_and_swap(name: str, dir_fd: int | None) -> os.stat_result:
        nonlocal calls
        calls += 1
        status = os.stat(name)
        if calls == 1:
            (site / "hello.txt").rename(site / "moved.txt")
            (site / "hello.txt").symlink_to("moved.txt")
        return status

    assert PathWalker(str(site), "inside").visit(("hello.txt",), stat_and_swap).st_size == 12
    assert calls == 2


@pytest.mark.parametrize("target", ["file", "directory"])
def test_swapped_link_never_leads_outside(site: Path, target: str, open_descriptors: None) -> None:
    outside = site.parent / "outside"
    outside.mkdir()
    (outside / "page.html").write_text("canary")
    inside, beyond = ("sub/page.html", "../outside/page.html")
    if target == "directory":
        inside, beyond = "sub", "../outside"
    names = ("flip", "page.html") if target == "directory" else ("flip",)
    flip = site / "flip"
    flip.symlink_to(inside)
    done = threading.Event()

    def keep_flipping() -> None:
        while not done.is_set():
            for goal in (beyond, inside):
                (site / "next").symlink_to(goal)
                (site / "next").rename(flip)

    flipper = threading.Thread(target=keep_flipping)
    flipper.start()
    walker = DescriptorWalker(str(site), "inside")
    seen: set[object] = set()
    try:
        for _ in range(2000):
            try:
                seen.add(read(walker, *names))
            except OSError as error:
                seen.add(type(error))
    finally:
        done.set()
        flipper.join()
    assert seen <= {b"<p>page</p>", FileNotFoundError}
    assert b"<p>page</p>" in seen


@pytest.mark.parametrize("walker", WALKERS)
def test_long_chain_of_links(site: Path, walker: type[DescriptorWalker]) -> None:
    """The file, or a miss where realpath gives up (before Python 3.13); never another error."""
    (site / "link0").symlink_to("hello.txt")
    for number in range(1, 1500):
        (site / f"link{number}").symlink_to(f"link{number - 1}")
    for walk in (walker(str(site), "inside"), FollowingWalker(str(site))):
        try:
            content = read(walk, "link1499")
        except FileNotFoundError:
            content = b"hello world\n"
        assert content == b"hello world\n"


def test_unreadable_paths_outside_look_like_missing_ones(
    public_directory: Path, ordinary_user: None
) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    site, private = public_directory / "site", public_directory / "private"
    site.mkdir()
    private.mkdir()
    (private / "there").mkdir()
    private.chmod(0)
    (site / "out").symlink_to("../private")
    os.seteuid(user)
    for name in ("there", "not-there"):
        with pytest.raises(FileNotFoundError):
            read(DescriptorWalker(str(site), "inside"), "out", name, "x")
    os.seteuid(os.getuid())
    private.chmod(0o755)
