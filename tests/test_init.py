"""The public names, and that the helpers come without the rest."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import wsgistatic


def test_every_public_name_is_there() -> None:
    for name in wsgistatic.__all__:
        home = import_module(f"wsgistatic.{wsgistatic._HOMES[name]}")
        assert getattr(wsgistatic, name) is vars(home)[name]
    assert set(wsgistatic._HOMES) == set(wsgistatic.__all__)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wsgistatic.nothing  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "from wsgistatic.http.ranges import get_ranges",
        "from wsgistatic import get_ranges, merge_ranges, content_range, plan_ranges, Validators",
    ],
)
def test_range_helpers_load_neither_middleware_nor_webob(statement: str) -> None:
    code = (
        f"import sys; {statement}; print([m for m in sys.modules if 'webob' in m or 'middle' in m])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "[]"


def test_the_mimetypes_table_of_the_process_is_left_alone() -> None:
    code = (
        "import mimetypes; before = (mimetypes.inited, dict(mimetypes.types_map)); "
        "from wsgistatic import StaticFiles, FileApp; "
        "assert before == (mimetypes.inited, dict(mimetypes.types_map))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def run_python(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_middleware_imports_only_what_every_site_needs() -> None:
    code = (
        "import sys; from wsgistatic import StaticFiles; "
        "print({name.partition('.')[0] for name in sys.modules} "
        "& {'calendar', 'email', 'html', 'secrets', 'tempfile', 'webob', 'zipfile'})"
    )
    assert run_python("-c", code).strip() == "set()"


@pytest.mark.parametrize("make", ["StaticFiles(None, '.')", "FileApp('.')"])
def test_no_warning_from_import_to_first_app(make: str) -> None:
    run_python("-I", "-W", "error", "-c", f"from wsgistatic import *; {make}")


IMPORTS = """
import sys, zipfile
from pathlib import Path
from wsgiref.util import setup_testing_defaults
from wsgistatic import StaticFiles

site = Path(sys.argv[1])
options = {"listing": True, "compress": True, "clean_urls": True, "cache_size": 20_000}
options["block_size"] = 2_000
if sys.argv[2] == "StaticFiles":
    apps = [
        StaticFiles(None, site, **options),
        StaticFiles(None, site, **options, offload=("X-Accel-Redirect", "/internal")),
        StaticFiles(None, site, **options, fallback="hello.txt"),
    ]
else:
    from wsgistatic import FileApp
    member = zipfile.Path(site / "archive.zip", "digits.bin")
    # made in a view
    apps = [lambda *arguments: FileApp(site / "digits.bin")(*arguments)]
    apps += [lambda *arguments: FileApp(member)(*arguments)]
paths = ["/hello.txt", "/digits.bin", "/big.txt", "/coded.txt", "/", "/bare", "/nothing"]
paths += ["/sub/", "/sub/page", "/bare/"]
fields = [
    {}, {"HTTP_RANGE": "bytes=1-2"}, {"HTTP_RANGE": "bytes=0-0,9-9"}, {"HTTP_RANGE": "bytes=9999-"},
    {"HTTP_IF_NONE_MATCH": "*"}, {"HTTP_IF_MATCH": '"other"'}, {"HTTP_ACCEPT": "application/json"},
    {"HTTP_ACCEPT_ENCODING": "gzip"}, {"HTTP_ACCEPT_ENCODING": "br"},
    {"HTTP_IF_MODIFIED_SINCE": "Sunday, 06-Nov-94 08:49:37 GMT"},
    {"HTTP_WANT_REPR_DIGEST": "sha-256=1"},
]
import errno, os
if len(sys.argv) > 3:
    def fail(*arguments, **options):
        raise OSError(getattr(errno, sys.argv[3]), "failed")
    os.open = fail
before, statuses = set(sys.modules), set()
for app in apps:
    for method in ("GET", "HEAD", "POST"):
        for path in paths:
            for headers in fields:
                environ = {"PATH_INFO": path, "REQUEST_METHOD": method, **headers}
                setup_testing_defaults(environ)
                body = app(environ, lambda status, headers: statuses.add(status[:3]))
                for block in body:
                    pass
                getattr(body, "close", int)()
new = sorted(set(sys.modules) - before)
print(new, sorted(statuses))
"""


@pytest.mark.error_numbers
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["StaticFiles"], "200 206 301 304 404 405 412 416"),
        (["StaticFiles", "EMFILE"], "503"),
        (["StaticFiles", "EIO"], "500"),
        (["FileApp"], "200 206 304 405 412 416"),
        (["FileApp", "EMFILE"], "503"),
        (["FileApp", "EIO"], "500"),
    ],
)
def test_no_request_imports_a_module(site: Path, arguments: list[str], expected: str) -> None:
    (site / "big.txt").write_text("text " * 2_000)
    (site / "coded.txt").write_text("text " * 100)
    (site / "coded.txt.gz").write_bytes(gzip.compress(b"text " * 100))
    with zipfile.ZipFile(site / "archive.zip", "w") as archive:
        archive.write(site / "digits.bin", "digits.bin")
    imported, _, statuses = run_python("-c", IMPORTS, str(site), *arguments).partition("] ")
    assert imported == "["
    assert set(expected.split()) <= set(re.findall("[0-9]+", statuses))
