"""Processes that are forked while other threads serve requests, or after a file was opened."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.client import call
from tests.conftest import age, settle
from tests.fresh_process import run_script
from tests.source_kinds import KINDS, Blob, source_of, zip_of
from wsgistatic import FileApp, StaticFiles
from wsgistatic.files import forks
from wsgistatic.files.digests import DIGESTS, SingleFlight
from wsgistatic.files.sources import SharedFile

HOME = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 40

pytestmark = pytest.mark.fork

# In a process of its own, since that of the tests has other threads.
UNDER_LOAD = """if True:
    import faulthandler, io, os, sys, threading, time, zipfile
    from pathlib import Path
    from tests.client import call_raw, make_environ
    from tests.source_kinds import Blob
    from wsgistatic import FileApp, StaticFiles

    site = Path(sys.argv[1])
    names = [f"{number}.txt" for number in range(40)]
    content = b"some text " * 20_000
    for name in names:
        (site / name).write_bytes(content)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.txt", content)
    time.sleep(0.05)
    # Small caches, so that files are compressed, hashed and added all the time.
    apps = [
        StaticFiles(None, site, compress=True, cache_size=2_000_000),
        StaticFiles(None, site, etag="content", cache_size=500_000, cache_file_size=300_000),
        StaticFiles(None, zipfile.Path(zipfile.ZipFile(stream))),
        FileApp(Blob(content)),
    ]
    fields = {"HTTP_ACCEPT_ENCODING": "gzip, br, zstd"}

    def request(number):
        app = apps[number % 4]
        name = "0.txt" if number % 4 > 1 else names[number // 4 % 40]
        response = call_raw(app, make_environ("/" + name, **fields))
        assert response.status == 200
        if "Content-Encoding" not in response.headers:
            assert response.body == content

    def work(start):
        number = start
        while not stopped:
            os.utime(site / names[number % 40])  # a new version
            request(number)
            number += 1

    stopped = False
    threads = [threading.Thread(target=work, args=(7 * start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(int(sys.argv[2])):
        time.sleep(0.1)
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(20, exit=True)
            for number in range(160):
                request(number)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    stopped = True
    for thread in threads:
        thread.join()
    print(statuses)
    sys.exit(any(statuses))
"""


def test_children_that_are_forked_under_load_respond(tmp_path: Path, tries: int) -> None:
    forks = str(min(tries // 100, 24))
    command = [sys.executable, "-W", "ignore", "-c", UNDER_LOAD, str(tmp_path), forks]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=HOME, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Three processes read ranges of each source at the same time.
AFTER_OPENING = """if True:
    import os, random, sys
    from contextlib import ExitStack
    from pathlib import Path
    from tests.client import call_raw, make_environ
    from tests.source_kinds import KINDS
    from wsgistatic import FileApp

    kind = sys.argv[2]
    content = random.Random(1).randbytes(100_000)
    opened = ExitStack()
    app = FileApp(KINDS[kind](Path(sys.argv[1]), content, opened), block_size=4_000)
    children = [os.fork(), os.fork()]
    is_refused = kind == "open member" and not all(children)
    choice = random.Random(os.getpid())
    for _ in range(30):
        start = choice.randrange(80_000)
        value = f"bytes={start}-{start + 19_999}"
        response = call_raw(app, make_environ("/", HTTP_RANGE=value))
        assert response.status == (500 if is_refused else 206), response.status
        if is_refused:
            continue
        assert response.body == content[start : start + 20_000]
    if not all(children):
        os._exit(0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_source_that_was_opened_before_a_fork(kind: str, tmp_path: Path) -> None:
    done = run_script(AFTER_OPENING, str(tmp_path), kind, cwd=HOME)
    assert done.returncode == 0, done.stderr


def test_file_inside_a_file_is_refused_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "page.txt").write_bytes(CONTENT)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "page.txt", "page.txt")
    with (
        tarfile.open(tmp_path / "a.tar") as archive,
        source_of("open member", tmp_path, CONTENT) as zip_member,
        source_of("object", tmp_path, CONTENT) as blob,
    ):
        tar_member = archive.extractfile("page.txt")
        assert tar_member is not None
        sources = (tar_member, zip_member, blob)
        apps = [FileApp(source) for source in sources]
        assert [call(app, "/").body for app in apps] == [CONTENT] * 3
        child = os.getpid() + 1
        monkeypatch.setattr(os, "getpid", lambda: child)
        assert [call(app, "/").status for app in apps] == [500, 500, 200]
    assert "opened before the process was forked" in caplog.text


class Wrapper:
    """A file object that keeps the file under a name of its own, as Werkzeug and fsspec do."""

    def __init__(self, inner: BinaryIO) -> None:
        self.mode = "rb"
        self.wrapped = inner
        self.seek, self.tell, self.read = inner.seek, inner.tell, inner.read


def test_wrapped_file_is_refused_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.txt").write_bytes(CONTENT)
    with (tmp_path / "page.txt").open("rb") as file:
        app = FileApp(Wrapper(file))
        assert call(app, "/").body == CONTENT
        child = os.getpid() + 1
        monkeypatch.setattr(os, "getpid", lambda: child)
        assert call(app, "/").status == 500


def test_archive_that_cannot_be_read_at_offsets_is_refused_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.txt": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "a") as archive:
        app = FileApp(zipfile.Path(archive, "x.txt"))
        assert call(app, "/").body == CONTENT
        child = os.getpid() + 1
        monkeypatch.setattr(os, "getpid", lambda: child)
        assert call(app, "/").status == 500


@pytest.mark.memory_cache
def test_work_and_locks_of_threads_that_a_child_does_not_have_are_dropped(tmp_path: Path) -> None:
    site = tmp_path
    (site / "hello.txt").write_bytes(b"hello world\n")
    age(site / "hello.txt")
    settle()
    flight: SingleFlight[str, int] = SingleFlight()
    cached, changing = StaticFiles(None, site), StaticFiles(None, site)
    shared = SharedFile(Blob(CONTENT))
    for app in (cached, changing):
        assert call(app, "/hello.txt").status == 200

    def work() -> int:
        changing._cache._lock.acquire()
        DIGESTS._results._lock.acquire()
        DIGESTS._results._allowance._lock.acquire()
        shared._lock.acquire()
        forks.after_fork_in_child()
        return flight.run("key", lambda: 2)  # else it would wait for itself

    assert flight.run("key", work) == 2
    assert list(cached._files) == ["/hello.txt"]
    assert list(changing._files) == []
    for app in (cached, changing, StaticFiles(None, site, etag="content")):
        assert call(app, "/hello.txt").body == b"hello world\n"
    assert shared.read_at(0, 9) == CONTENT[:9]
