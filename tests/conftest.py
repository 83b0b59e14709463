"""Fixtures and options for all tests. On CI a skipped test fails."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from tests.platforms import NEEDS, ON_WINDOWS, PYODIDE_NEEDS, left_out
from tests.seccomp import OPENAT2, refuse_system_calls
from wsgistatic import StaticFiles
from wsgistatic.files.linux import LINUX
from wsgistatic.files.versions import RegularFile
from wsgistatic.http.codings import CODINGS

# Tests must not fail because the machine is busy, so there are no deadlines.
for profile, max_examples in (("quick", 10), ("thorough", 100)):
    settings.register_profile(
        profile,
        deadline=None,
        max_examples=max_examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")

if ON_WINDOWS:
    # Wine occasionally loses the byte with which a thread wakes an event loop (see wine_faults.py).
    # Let the loop check for work every 0.1 s, so that the tests do not hang.
    _proactor: Any = import_module("asyncio.windows_events").IocpProactor
    _select = _proactor.select

    def _select_briefly(proactor: Any, timeout: float | None = None) -> Any:
        return _select(proactor, 0.1 if timeout is None else min(timeout, 0.1))

    _proactor.select = _select_briefly

CACHE_MODES: dict[str, dict[str, float]] = {
    "on": {},
    "off": {"cache_size": 0},
    "ttl": {"stat_ttl": 3600.0},
}

# For scripts that do not use the package. Without site, they do not measure coverage either, which
# takes 0.1 s to start.
PLAIN_PYTHON = [sys.executable, "-I", "-S"]

OLD = 1_700_000_000  # seconds; a modification time that is old enough for a strong ETag


DEFAULTS = dict(StaticFiles.__init__.__kwdefaults__ or {})

_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cache",
        choices=CACHE_MODES,
        default="on",
        help="run the tests with the memory cache on; off, without the tests of the cache; or with "
        "a stat_ttl of an hour, without the tests that need changes to be seen at once",
    )
    parser.addoption(
        "--walk",
        action="store_true",
        help="open files by a walk from folder to folder, as without openat2 of Linux",
    )
    parser.addoption(
        "--load-seconds",
        type=float,
        default=20.0,
        help="duration of the load in tests/servers/test_load.py",
    )
    parser.addoption(
        "--tries",
        type=int,
        default=500,
        help="number of requests in each test of symlink races; tests/security runs its state "
        "machines once for each 250 of them",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = Counter()
    for need, description in (NEEDS | PYODIDE_NEEDS).items():
        config.addinivalue_line("markers", f"{need}: needs {description}")
    assert StaticFiles.__init__.__kwdefaults__ is not None
    StaticFiles.__init__.__kwdefaults__.update(CACHE_MODES[config.getoption("--cache")])
    if config.getoption("--walk"):
        LINUX._openat2 = None
        if not refuse_system_calls({OPENAT2: errno.ENOSYS}):  # to servers that tests start, too
            raise pytest.UsageError("--walk needs Linux with seccomp")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marker = {"on": "", "off": "memory_cache", "ttl": "live"}[config.getoption("--cache")]
    unwanted = {item for item in items if marker and item.get_closest_marker(marker)}
    impossible, config.stash[_LEFT_OUT] = left_out(items)
    unwanted.update(impossible)
    if unwanted:
        config.hook.pytest_deselected(items=[item for item in items if item in unwanted])
        items[:] = [item for item in items if item not in unwanted]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass the counts to the process that writes the summary, if this is a worker of xdist."""
    if output := getattr(session.config, "workeroutput", None):
        counts = session.config.stash[_LEFT_OUT]
        output["left_out"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Each worker collects all tests.
    node.config.stash[_LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out"))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for need, count in sorted(config.stash[_LEFT_OUT].items()):
        terminalreporter.write_line(f"{count} left out: needs {need}")


_PROCESS_COVERAGE = pytest.StashKey[str | None]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the garbage collector from traversing 10,000 collected tests again and again.

    And do not measure coverage in the processes that tests start, which takes each of them 0.1 s,
    unless a test asks for it.
    """
    gc.freeze()
    session.config.stash[_PROCESS_COVERAGE] = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture
def process_coverage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the coverage of the processes that a test starts."""
    value = request.config.stash[_PROCESS_COVERAGE]
    if value is not None:
        monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", value)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist may not be installed
def pytest_xdist_auto_num_workers() -> int:
    """Run two workers per core with ``-n auto``, because many tests wait for servers and clocks."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
    return report  # type: ignore[return-value]


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> int:
    """The number of attempts to win a race."""
    return int(request.config.getoption("--tries"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a few old files, and a file ``secret.txt`` beside it."""
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "bare").mkdir()
    (tmp_path / "secret.txt").write_text("canary")
    for name, content in (
        ("hello.txt", b"hello world\n"),
        ("empty.bin", b""),
        ("digits.bin", b"0123456789" * 100),
        ("sub/index.html", b"<p>index</p>"),
        ("sub/page.html", b"<p>page</p>"),
        ("bare/file.txt", b"bare"),
        (".hidden", b"hidden"),
    ):
        (root / name).write_bytes(content)
        age(root / name)
    return root


def age(path: Path) -> None:
    """Set an old modification time, so that the ETag of the file is strong."""
    os.utime(path, (OLD, OLD))


def encoded(coding: str, content: bytes) -> bytes:
    """Return the content in a content coding, at its highest level."""
    codec = CODINGS[coding]
    return b"".join(codec.encode([content], len(content), codec.level))


def gzip_of_size(content: bytes, size: int) -> bytes:
    """Return the gzip stream with a size in bytes that is larger."""
    # RFC 1952 2.3: with FLG.FNAME, a name follows the header and ends with a zero.
    name = b"n" * (size - len(content) - 1) + b"\0"
    return content[:3] + b"\x08" + content[4:10] + name + content[10:]


def settle() -> None:
    """Wait until the next change of a file gets a different time stamp."""
    time.sleep(0.03)


class Read(NamedTuple):
    """One read of a regular file."""

    offset: int
    size: int  # bytes that were returned


def record_reads(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """Return a list to which each read of a regular file is added."""
    reads: list[Read] = []
    read_at = RegularFile.read_at

    def record(file: RegularFile, offset: int, size: int) -> bytes:
        block = read_at(file, offset, size)
        reads.append(Read(offset, len(block)))
        return block

    monkeypatch.setattr(RegularFile, "read_at", record)
    return reads


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "way" in metafunc.fixturenames:
        ways = ["openat2", "walk"] if LINUX._openat2 else ["walk"]
        metafunc.parametrize("way", ways, indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with each way of opening files: by one system call of Linux, and by a walk."""
    if request.param == "walk":
        monkeypatch.setattr(LINUX, "_openat2", None)
    return str(request.param)


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users can read, unlike ``tmp_path``."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Drop the privileges of root, who can read all files."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Run the test without the privileges of root."""
    with as_ordinary_user():
        yield


@pytest.fixture
def open_descriptors() -> Iterator[None]:
    """Fail the test if it leaks a file descriptor."""
    before = _descriptors()
    yield
    assert {fd: path for fd, path in _descriptors().items() if fd not in before} == {}


def _descriptors() -> dict[int, str]:
    """Return the open descriptors, with what each leads to where the platform shows it."""
    if sys.platform in ("win32", "emscripten"):
        return dict.fromkeys(filter(_is_open, range(512)), "")
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        # The descriptor of the listing itself is closed. A leaked one could have its number.
        with suppress(FileNotFoundError):
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
