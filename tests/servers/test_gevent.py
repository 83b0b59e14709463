"""gevent: while one greenlet hashes a file, the others go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

HOME = Path(__file__).parents[2]
MEBIBYTES = 40
# In a process of its own, since gevent replaces parts of the standard library.
SCRIPT = """if True:
    from gevent import monkey

    monkey.patch_all()
    import sys
    import gevent
    from tests.client import call_raw, make_environ
    from wsgistatic import StaticFiles

    turns = 0

    def others():
        global turns
        while True:
            turns += 1
            gevent.sleep(0)

    gevent.spawn(others)
    gevent.sleep(0)
    app = StaticFiles(None, sys.argv[1], etag="content")
    before = turns
    assert call_raw(app, make_environ("/file.bin", "HEAD")).headers["ETag"]
    print(turns - before)
"""


def test_hashing_lets_other_greenlets_run(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    with (tmp_path / "file.bin").open("wb") as file:
        file.truncate(MEBIBYTES * 2**20)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=HOME, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= MEBIBYTES - 1
