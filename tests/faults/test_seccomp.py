"""Old seccomp profiles of containers refuse unknown system calls, mostly with EPERM.

For access(2) with the effective user, the C library then reports that nothing may be read. Files
are opened by a walk instead of openat2, also if a filter refuses it later than at the start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import age

pytestmark = pytest.mark.system_calls

HOME = Path(__file__).parents[2]
# The filter stays until the process ends, so it gets a process of its own.
SCRIPT = """if True:
    import errno, json, os, sys
    from tests.seccomp import FACCESSAT2, OPENAT2, refuse_system_calls

    if sys.argv[3] == "after the import":
        import wsgistatic.files.linux
    errors = {FACCESSAT2: errno.EPERM, OPENAT2: getattr(errno, sys.argv[2])}
    if not refuse_system_calls(errors):
        sys.exit(77)
    from tests.client import call_raw, make_environ
    from wsgistatic import StaticFiles
    from wsgistatic.files.linux import LINUX

    root = sys.argv[1]
    assert LINUX.open(root, LINUX.to_search) is None
    refused = not os.access(root, os.R_OK, effective_ids=True)
    responses = {}
    for symlinks in ("inside", "follow", "deny"):
        app = StaticFiles(None, root, listing=True, cache_size=0, symlinks=symlinks)
        for method in ("GET", "HEAD"):
            for path in ("/page.txt", "/indexed/", "/indexed", "/", "/folder/", "/folder", "/no"):
                response = call_raw(app, make_environ(path, method))
                responses[f"{symlinks} {method} {path}"] = response.status
    names = [entry["name"] for entry in json.loads(
        call_raw(app, make_environ("/", HTTP_ACCEPT="application/json")).body
    )]
    print(json.dumps([LINUX._openat2 is None, refused, responses, names]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is a feature of Linux")
@pytest.mark.parametrize("code", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("when", ["before the import", "after the import"])
def test_everything_that_can_be_read_is_served(tmp_path: Path, code: str, when: str) -> None:
    for name in ("page.txt", "indexed/index.html", "folder/file.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("content")
        age(path)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), code, when]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=HOME, timeout=60
    )
    if done.returncode == 77:
        pytest.skip("a filter cannot be installed")
    assert done.returncode == 0, done.stderr
    is_left_alone, refused, responses, names = json.loads(done.stdout)
    assert is_left_alone or when == "after the import"
    if not refused:
        pytest.skip("the C library does without faccessat2")
    expected = {"/page.txt": 200, "/indexed/": 200, "/indexed": 301, "/": 200}
    expected |= {"/folder/": 200, "/folder": 301, "/no": 404}
    assert responses == {
        f"{symlinks} {method} {path}": status
        for symlinks in ("inside", "follow", "deny")
        for method in ("GET", "HEAD")
        for path, status in expected.items()
    }
    assert sorted(names) == ["folder", "indexed", "page.txt"]
