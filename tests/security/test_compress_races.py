"""Symlink races during ``compress`` (CWE-367): root works in a tree that another user can write to.

Another process exchanges a directory, or a sidecar, with a link to one outside the tree, as fast as
it can. The directory outside has the same names, so only work in open directories and on open files
leaves them alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import PLAIN_PYTHON, age
from tests.django.configuration import configure_django
from wsgistatic.__main__ import main
from wsgistatic.compress import Action, Compressor, edits
from wsgistatic.files.versions import signature

pytestmark = [
    pytest.mark.system_calls,
    pytest.mark.live,
    pytest.mark.memory_cache,
    pytest.mark.skipif(sys.platform != "linux", reason="renameat2 exists only on Linux"),
]

TEXT = b"".join(b"line %d of some text\n" % number for number in range(200))
TRIES_PER_SECOND = 20_000 / 20  # .ci/run swaps for twenty seconds in each of three tests
USER = 65534  # nobody, who owns the tree if the tests run as root

SWAPPER = """
import ctypes, random, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
name, link = (argument.encode() for argument in sys.argv[1:])
swaps = 0

def stop(*_):
    print(swaps)
    sys.exit()

signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    swaps += not libc.renameat2(AT_FDCWD, name, AT_FDCWD, link, RENAME_EXCHANGE)
    if swaps % 30_000 < 100:  # sometimes a run gets further before the next swap
        time.sleep(random.random() / 1000)
"""


@contextmanager
def swapping(directory: Path, name: str, link: str) -> Iterator[list[int]]:
    """Exchange a name with a link; yield a list that gets the number of times at the end."""
    swaps: list[int] = []
    with subprocess.Popen(
        [*PLAIN_PYTHON, "-c", SWAPPER, name, link], cwd=directory, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield swaps
        finally:
            process.terminate()
            output, _ = process.communicate()
    swaps.append(int(output))


class Tree:
    """A tree, and a directory outside with the names that a run would change in the tree."""

    def __init__(self, base: Path) -> None:
        self.root, self.outside = base / "site", base / "outside"
        self.inside = self.root / "dir"
        for directory in (self.inside, self.outside):
            (directory / "sub").mkdir(parents=True)
            for name in ("app.js", "new.js", "gone.css", "sub/page.html", "sub/small.html"):
                (directory / name).write_bytes(TEXT)
            for name in ("app.js", "gone.css", "sub/page.html", "sub/small.html"):
                Compressor(["gzip"]).compress_file(directory / name)
            (directory / "gone.css").unlink()
            (directory / "sub/small.html").write_bytes(b"small")
            (directory / ".wsgistatic-x.tmp").write_bytes(b"half")
        for path in self.outside.rglob("*.*"):
            age(path)  # so that a sidecar here would be redated
        (self.root / "link").symlink_to(self.outside)
        if os.geteuid() == 0:
            for path in (self.root, *self.root.rglob("*")):
                os.chown(path, USER, USER, follow_symlinks=False)
        # Names are restored in the real directories, wherever they are at that time.
        self._directories = [
            os.open(path, os.O_RDONLY) for path in (self.inside, self.inside / "sub")
        ]
        self._contents = {
            (directory, name): self._read(directory, name)
            for directory in self._directories
            for name in os.listdir(directory)
            if name != "sub"
        }

    def close(self) -> None:
        for directory in self._directories:
            os.close(directory)

    @staticmethod
    def _read(directory: int, name: str) -> bytes:
        try:
            with open(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def restore(self) -> int:
        """Undo what a run did in the tree, and return the number of names that it changed."""
        changed = 0
        for directory in self._directories:
            for name in os.listdir(directory):
                if (directory, name) not in self._contents and name != "sub":
                    os.unlink(name, dir_fd=directory)
                    changed += 1
        for (directory, name), content in self._contents.items():
            if self._read(directory, name) != content:
                changed += 1
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with open(os.open(name, flags, 0o644, dir_fd=directory), "wb") as file:
                file.write(content)
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), USER, USER)
        return changed

    def state_outside(self) -> dict[str, tuple[object, ...]]:
        """Return all that a run could change outside of the tree."""
        state: dict[str, tuple[object, ...]] = {}
        for path in (self.outside, *self.outside.rglob("*")):
            content = b"" if path.is_dir() else path.read_bytes()
            now = path.stat()
            state[str(path)] = (*signature(now), now.st_uid, now.st_gid, now.st_mode, content)
        return state

    def strangers(self) -> list[str]:
        """Return the names in the tree that do not belong to the owner of their directory."""
        return [
            name
            for directory in self._directories
            for name in os.listdir(directory)
            if os.stat(name, dir_fd=directory, follow_symlinks=False).st_uid
            != os.fstat(directory).st_uid
        ]


@pytest.fixture
def tree(public_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    tree = Tree(public_directory)
    monkeypatch.setattr(edits, "_STALE_AFTER", -1.0)
    yield tree
    tree.close()


def race(tree: Tree, tries: int, run: Callable[[int], object]) -> None:
    """Run again and again while the directory is exchanged, and check both sides each time."""
    before = tree.state_outside()
    runs = changes = 0
    deadline = time.monotonic() + tries / TRIES_PER_SECOND
    with swapping(tree.root, "dir", "link") as swaps:
        while time.monotonic() < deadline or not changes:
            run(runs)
            runs += 1
            assert tree.state_outside() == before
            assert tree.strangers() == []
            changes += tree.restore()
    assert swaps[0] > runs
    print(f"{swaps[0]:,} swaps, {runs:,} runs, {changes:,} changes in the tree")


def test_the_command_stays_in_its_tree(
    tree: Tree, tries: int, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (["--prune"], ["--prune", "--force"], ["--prune", "--check"])
    common = ["--codings", "gzip,br", "--level", "gzip=1", "--level", "br=1"]

    def run(number: int) -> None:
        main(["compress", str(tree.root), *common, *options[number % len(options)]])
        capsys.readouterr()

    race(tree, tries, run)


def test_the_storage_stays_in_static_root(tree: Tree, tries: int) -> None:
    configure_django()
    from wsgistatic.django.storage import CompressedStaticFilesStorage

    names = ("app.js", "new.js", "sub/page.html", "sub/small.html")
    storages = [
        CompressedStaticFilesStorage(
            location=str(tree.root),
            base_url="/s/",
            compress={"codings": ["gzip"], "levels": {"gzip": 1}, "force": force},
        )
        for force in (False, True)
    ]

    def run(number: int) -> None:
        storage = storages[number % 2]
        with suppress(OSError):  # a file that is swapped all the time
            for _ in storage.post_process({f"dir/{name}": (storage, name) for name in names}):
                pass

    race(tree, tries, run)


def test_a_sidecar_that_is_exchanged_with_a_link_is_not_followed(tree: Tree, tries: int) -> None:
    file, sidecar = tree.root / "page.js", tree.root / "page.js.gz"
    file.write_bytes(TEXT)
    compressor = Compressor(["gzip"])
    compressor.compress_file(file)
    (tree.root / ".link").symlink_to(tree.outside / "app.js.gz")
    before = tree.state_outside()
    actions: Counter[Action] = Counter()
    deadline = time.monotonic() + tries / TRIES_PER_SECOND
    with swapping(tree.root, sidecar.name, ".link") as swaps:
        while time.monotonic() < deadline or len(actions) < 2:
            os.utime(file)
            actions.update(made.action for made in compressor.compress_file(file).sidecars)
            assert tree.state_outside() == before
    assert actions.keys() == {Action.REDATED, Action.LEFT}
    print(f"{swaps[0]:,} swaps, {actions.total():,} runs")
