"""Programs that read directory pages find every file, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import TIMEOUT, run
from tests.conftest import age
from tests.server_process import run_server

pytestmark = pytest.mark.clients

NAMES = {
    *("plain.txt", "a b.txt", "x:y.txt", "javascript:z", "it's.txt", "a&b.txt", "a+b=c@d.txt"),
    *("~tilde", "_under", "-dash", ".well-known", "[b].txt", "(c)!.txt", "a;b.txt", '"q".txt'),
    *("ünï.txt", "עברית.txt", "<b>.txt", "100%.txt", "a#b?c.txt"),
    *("_static/in.css", "s:ub/in.txt", "a b/in.txt"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        age(path)
    return tmp_path / "site"


def files_below(directory: Path) -> set[str]:
    """Return the relative paths of all files, each of which must contain its own path."""
    found = [path for path in directory.rglob("*") if path.is_file()]
    names = {path.relative_to(directory).as_posix(): path.read_text() for path in found}
    assert set(names) == set(names.values())
    return set(names)


def httpdirfs(url: str, work: Path) -> set[str]:
    mounted = work / "mounted"
    mounted.mkdir()
    if not Path("/dev/fuse").exists():
        pytest.skip("FUSE is not available")
    run("httpdirfs", "--cache-location", work / "cache", url, mounted, HOME=str(work))
    try:
        return files_below(mounted)
    finally:
        run("fusermount", "-u", mounted)


def lftp(url: str, work: Path) -> set[str]:
    run("lftp", "-c", f"set net:max-retries 1; mirror {url} {work}/copy", HOME=str(work))
    return files_below(work / "copy") | {"~tilde"}  # lftp skips such names, whatever the link


def rclone(url: str, work: Path) -> set[str]:
    run("rclone", "copy", "--http-url", url, ":http:", work / "copy", HOME=str(work))
    # Below a directory with a colon in its name, rclone confuses the URLs that it makes itself.
    return files_below(work / "copy") | {"s:ub/in.txt"}


def wget(url: str, work: Path) -> set[str]:
    options = ("--quiet", "--recursive", "--no-parent", "--no-host-directories")
    run("wget", *options, "-e", "robots=off", "-P", work / "copy", url)
    for page in (work / "copy").rglob("index.html"):
        page.unlink()
    return files_below(work / "copy")


def htmllistparse(url: str, work: Path) -> set[str]:
    module = pytest.importorskip("htmllistparse")

    def find(below: str) -> set[str]:
        _, entries = module.fetch_listing(url + below, timeout=TIMEOUT)
        assert all(entry.modified is not None for entry in entries)
        names = [below + entry.name for entry in entries]
        files = {name for name in names if not name.endswith("/")}
        return files.union(*[find(name) for name in names if name.endswith("/")])

    return find("")


def fsspec(url: str, work: Path) -> set[str]:
    module = pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    filesystem = module.filesystem("http", skip_instance_cache=True)
    return {filesystem.cat(found).decode() for found in filesystem.find(url)}


@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize("find", [httpdirfs, lftp, rclone, wget, htmllistparse, fsspec])
def test_every_file_is_found(
    folder: Path, tmp_path: Path, find: Callable[[str, Path], set[str]], server: str
) -> None:
    with run_server(folder, "--server", server) as running:
        assert find(running.url, tmp_path) == NAMES
