"""Fixtures for all tests; on CI a skip is a failure."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from wsgistatic import StaticFiles

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

CACHE_MODES: dict[str, dict[str, float]] = {
    "on": {},
    "off": {"cache_size": 0},
    "ttl": {"stat_ttl": 3600.0},
}

OLD = 1_700_000_000  # seconds; a modification time that is long past


DEFAULTS = dict(StaticFiles.__init__.__kwdefaults__ or {})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cache",
        choices=CACHE_MODES,
        default="on",
        help="run all with the memory cache on, off (without the tests of it), or with a stat "
        "trusted for an hour (without those that need a change to be seen at once)",
    )
    parser.addoption(
        "--load-seconds",
        type=float,
        default=20.0,
        help="how long tests/servers/test_load.py puts a server under load",
    )
    parser.addoption(
        "--tries",
        type=int,
        default=3_000,
        help="requests while a name is swapped, for each kind of name, over all sets of options; "
        "a hundred times the runs of the state machine of tests/security",
    )


def pytest_configure(config: pytest.Config) -> None:
    assert StaticFiles.__init__.__kwdefaults__ is not None
    StaticFiles.__init__.__kwdefaults__.update(CACHE_MODES[config.getoption("--cache")])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marker = {"on": "", "off": "catalog", "ttl": "live"}[config.getoption("--cache")]
    if marker:
        out_of_place = [item for item in items if item.get_closest_marker(marker)]
        config.hook.pytest_deselected(items=out_of_place)
        items[:] = [item for item in items if item not in set(out_of_place)]


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
    """How often a race is run."""
    return int(request.config.getoption("--tries"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a few old files; its sibling ``secret.txt`` is out of bounds."""
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
    """Make a file's modification long past, so that its validators are strong."""
    os.utime(path, (OLD, OLD))


def settle() -> None:
    """Wait until what was just written can be told from the next version."""
    time.sleep(0.03)


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users can reach (pytest's own is for its user only)."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Go without the rights of root, for whom no file is unreadable."""
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
    """Run the test without the rights of root."""
    with as_ordinary_user():
        yield


@pytest.fixture
def open_descriptors() -> Iterator[None]:
    """Fail the test if it leaves a file descriptor open."""
    before = _descriptors()
    yield
    left = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in _descriptors() - before}
    assert left == {}


def _descriptors() -> set[str]:
    # Without the one that lists: a leaked descriptor would take its number and hide behind it.
    return {fd for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")}
