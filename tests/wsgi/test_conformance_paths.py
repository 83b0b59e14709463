"""Paths, methods, redirects and nested apps, as tables."""

from __future__ import annotations

import copy
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes, urljoin, urlsplit

import pytest

from tests.client import Environ, make_environ
from tests.oracle import Response, call_strictly, fetch
from tests.platforms import ON_WINDOWS, make_fifo
from wsgistatic import FileApp, StaticFiles

OLD = 1_700_000_000
SECRET = b"the secret outside"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_bytes(SECRET)
    folder = tmp_path_factory.mktemp("site") / "root"
    indexed = [
        "dir",
        "dir/sub",
        "\u00e9",
        "a b",
        "%2F",
        "a;b@c",
    ]
    if not ON_WINDOWS:
        indexed += ["q?x#y", "\\evil.example", "\t/evil.example", "evil.example:80"]
    for name in indexed:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "index.html").write_bytes(b"index")
    for name in ("a.txt", "\u00e9.txt", "a b.txt", "100%.txt", "..a", "dir/b.txt"):
        (folder / name).write_bytes(name.encode())
    for name in (
        ".env",
        ".git/config",
        ".well-known/x",
        ".well-known/.y",
        "noindex/c.txt",
        ".dir/d",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    links: dict[str, str | Path] = {
        "in.txt": "a.txt",
        "absolute.txt": folder / "a.txt",
        "indir": "dir",
        "out.txt": outside / "secret.txt",
        "outdir": outside,
        "climb": "../../" + outside.name,
        "loop1": "loop2",
        "loop2": "loop1",
        "dangling": "nothing",
        "zero": "/dev/zero",
        "dir/up.txt": "../a.txt",
    }
    if not ON_WINDOWS:
        for name, target in links.items():
            (folder / name).symlink_to(target)
        make_fifo(folder / "fifo")
    for path in folder.rglob("*.*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (0, OLD))
    time.sleep(0.1)  # until the clock has ticked, the files are not cached
    return folder


def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("299 Wrapped", [("Content-Type", "text/plain"), ("Content-Length", "7")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"wrapped"]


def ask_in_time(app: Any, path: str, method: str) -> Response:
    """Send a request; fail instead of waiting forever if it blocks."""
    outcome: Future[Response] = Future()

    def run() -> None:
        try:
            outcome.set_result(fetch(app, path, method))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(timeout=10)


def assert_miss(root: Path, path: str, **options: Any) -> None:
    """Check that a path gets a short 404, or goes to the wrapped app with environ unchanged."""
    for method in ("GET", "HEAD", "POST"):
        alone = ask_in_time(StaticFiles(None, root, **options), path, method)
        assert alone.status == 404, method
        assert alone.fields["content-type"].startswith("text/plain")
        assert len(alone.body) < 1000
        assert str(root) not in repr(alone)
        seen: list[Environ] = []

        def recorder(environ: Environ, start: Any, seen: list[Environ] = seen) -> Iterable[bytes]:
            seen.append(copy.copy(environ))
            return wrapped(environ, start)

        environ = make_environ(
            "/", method, {"Range": "bytes=0-1"}, PATH_INFO=path, SCRIPT_NAME="/m"
        )
        before = copy.copy(environ)
        assert call_strictly(StaticFiles(recorder, root, **options), environ).status == 299
        assert seen == [before]
        assert environ == before


MISSES = [
    *(
        "/nothing",
        "/dir/nothing",
        "/A.TXT",
        "/a.txt/",
        "/a.txt/b",
        "/a.txt/..",
        "/noindex",
        "/noindex/",
    ),
    *("/../a.txt", "/dir/../a.txt", "/./a.txt", "/dir/./b.txt", "/.", "/..", "/dir/..", "/dir/."),
    *(
        "/dir/../../outside0/secret.txt",
        "/../root/a.txt",
        "/.../a.txt",
        "/..%2fa.txt",
        "/%2e%2e/a.txt",
    ),
    *(
        "//a.txt",
        "///a.txt",
        "/dir//b.txt",
        "/dir/b.txt//",
        "//",
        "/dir//",
        "//dir",
        "//dir/",
        "/ ",
    ),
    *(
        "/a.txt\0",
        "/\0",
        "/a.txt\0.html",
        "/dir\0/b.txt",
        "/dir/\0",
        "/a.txt ",
        "/a.txt.",
        "/a.txt::$DATA",
    ),
    *(
        "/%61.txt",
        "/a%2etxt",
        "/dir%2Fb.txt",
        "/a%20b.txt",
        "/\\a.txt",
        "/dir\\b.txt",
        "/..\\a.txt",
    ),
    *(
        "/\u00e9.txt",
        "/\u00e9",
        "/\u20ac.txt",
        "/\U0001f600",
        "/\udce9.txt",
        "/\ud800",
        "/dir/\udcc3\udca9",
    ),
    *(
        "/" + "x" * 300,
        "/" + "x" * 300 + "/a.txt",
        "/" + "y/" * 3000,
        "/dir/" + "\u00c3\u00a9" * 200,
    ),
    *(
        "/.env",
        "/.git/config",
        "/.git",
        "/.git/",
        "/.dir/d",
        "/.well-known/.y",
        "/dir/.env",
        "/..a",
    ),
    *(
        "/fifo",
        "/fifo/",
        "/zero",
        "/out.txt",
        "/outdir",
        "/outdir/",
        "/outdir/secret.txt",
        "/dangling",
    ),
    *(
        "/climb/secret.txt",
        "/loop1",
        "/loop1/x",
        "a.txt",
        "http://host/a.txt",
        "*",
        "a.txt/",
        "../a.txt",
    ),
]


@pytest.mark.parametrize("path", MISSES)
def test_paths_that_are_misses(root: Path, path: str) -> None:
    assert_miss(root, path)


BY_A_LINK = r"/(in\.txt|absolute\.txt|indir|dir/up\.txt)"
HITS = {
    "/a.txt": "a.txt",
    "/\u00c3\u00a9.txt": "\u00e9.txt",  # PEP 3333: the bytes of the URL, decoded as Latin-1
    "/a b.txt": "a b.txt",
    "/100%.txt": "100%.txt",
    "/dir/b.txt": "dir/b.txt",
    "/.well-known/x": ".well-known/x",
    "/noindex/c.txt": "noindex/c.txt",
    "/in.txt": "a.txt",
    "/absolute.txt": "a.txt",
    "/indir/b.txt": "dir/b.txt",
    "/dir/up.txt": "a.txt",
    "/dir/": "dir/index.html",
    "/indir/": "dir/index.html",
    "/dir/sub/": "dir/sub/index.html",
    "/dir/index.html": "dir/index.html",
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.symlinks) if re.search(BY_A_LINK, path) else path
        for path in HITS
    ],
)
def test_paths_of_files(root: Path, path: str) -> None:
    content = (root / HITS[path]).read_bytes()
    for app in (StaticFiles(None, root), StaticFiles(wrapped, str(root) + "/")):
        for _ in range(2):
            answer = fetch(app, path)
            assert (answer.status, answer.body) == (200, content)
            assert sorted(fetch(app, path, "HEAD").headers) == sorted(answer.headers)


@pytest.mark.parametrize(
    ("options", "hits", "misses"),
    [
        pytest.param(
            {"symlinks": "follow"},
            ["/out.txt", "/outdir/secret.txt", "/in.txt"],
            ["/zero", "/loop1"],
            marks=pytest.mark.symlinks,
        ),
        ({"symlinks": "deny"}, ["/a.txt", "/dir/b.txt"], ["/in.txt", "/indir/b.txt", "/out.txt"]),
        ({"dotfiles": True}, ["/.env", "/.dir/d", "/..a", "/.well-known/.y"], ["/..", "/./a.txt"]),
        ({"index": None}, ["/dir/index.html"], ["/dir", "/dir/", "/indir/"]),
        ({"index": "b.txt"}, ["/dir/"], ["/dir/sub", "/dir/sub/"]),
    ],
)
def test_options_decide_what_is_served(
    root: Path, options: dict[str, Any], hits: list[str], misses: list[str]
) -> None:
    for path in hits:
        assert fetch(StaticFiles(None, root, **options), path).status == 200
    for path in misses:
        assert_miss(root, path, **options)


@pytest.mark.parametrize("prefix", ["static", "/static", "static/", "/static/"])
def test_a_prefix_matches_whole_segments(root: Path, prefix: str) -> None:
    for path in ("/static/a.txt", "/static/dir/b.txt"):
        assert fetch(StaticFiles(None, root, prefix=prefix), path).status == 200
    assert fetch(StaticFiles(None, root, prefix=prefix), "/static/dir").status == 301
    for path in (
        "/a.txt",
        "/statica.txt",
        "/static-a.txt",
        "/static..",
        "/static../a.txt",
        "/Static/a.txt",
    ):
        assert_miss(root, path, prefix=prefix)
    for path in ("/", "", "static/a.txt", "//static/a.txt", "/static//a.txt", "/x/static/a.txt"):
        assert_miss(root, path, prefix=prefix)
    for path in (
        "/static/../a.txt",
        "/static/../static/a.txt",
        "/./static/a.txt",
        "/static\\a.txt",
    ):
        assert_miss(root, path, prefix=prefix)
    assert fetch(StaticFiles(None, root, prefix="/a/b"), "/a/b/a.txt").status == 200
    assert_miss(root, "/a/a.txt", prefix="/a/b")


REDIRECTS = {  # PATH_INFO, SCRIPT_NAME, QUERY_STRING -> Location
    ("/dir", "", ""): "dir/",
    ("/dir", "", "a=1&b=%20?/"): "dir/?a=1&b=%20?/",
    ("/dir/sub", "/mount/at", "x"): "sub/?x",
    ("/indir", "/m", ""): "indir/",
    ("/a b", "/m n", ""): "a%20b/",
    ("/\u00c3\u00a9", "/\u00c3\u00bc", ""): "%C3%A9/",
    ("/q?x#y", "", "q"): "q%3Fx%23y/?q",
    ("/%2F", "", ""): "%252F/",
    ("/evil.example:80", "", ""): "./evil.example:80/",  # RFC 3986 4.2: not a scheme
    ("/\\evil.example", "", ""): "%5Cevil.example/",  # browsers read "\" as "/"
    ("/\t/evil.example", "", ""): "evil.example/",
    ("/dir", "//evil.example", ""): "dir/",
    ("/dir", "/\\evil.example", ""): "dir/",
    ("/dir", "/", ""): "dir/",
    ("/dir", "///", ""): "dir/",
}


NEEDS_FREE_NAMES = ("/q?x#y", "/evil.example:80", "/\\evil.example", "/\t/evil.example")


def _redirects() -> list[Any]:
    marks = {
        "/indir": pytest.mark.symlinks,
        **dict.fromkeys(NEEDS_FREE_NAMES, pytest.mark.free_names),
    }
    return [pytest.param(*key, marks=marks.get(key[0], ())) for key in REDIRECTS]


@pytest.mark.parametrize(("path", "script_name", "query"), _redirects())
def test_a_directory_redirects_to_its_url_with_a_slash(
    root: Path, path: str, script_name: str, query: str
) -> None:
    wanted = REDIRECTS[path, script_name, query]
    for method in ("GET", "HEAD"):
        # 13.2.1: preconditions are ignored if the plain response is not 2xx
        for headers in ({}, {"If-None-Match": "*"}, {"If-Match": '"x"', "Range": "bytes=0-1"}):
            extra = {"SCRIPT_NAME": script_name, "QUERY_STRING": query}
            answer = fetch(StaticFiles(wrapped, root), path, method, headers, **extra)
            assert (answer.status, answer.fields["location"]) == (301, wanted)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/evil.example:80", marks=pytest.mark.free_names),
        "/a;b@c",
        "/\u00c3\u00a9",
        "/dir/sub",
    ],
)
def test_location_leads_to_the_same_path_on_the_same_host(root: Path, path: str) -> None:
    location = fetch(StaticFiles(None, root), path, HTTP_HOST="evil.example").fields["location"]
    parts = urlsplit(location)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    # The client may see the path below a prefix, which a proxy removes.
    base = "http://site.example/prefix" + quote_from_bytes(path.encode("latin-1"))
    target = urlsplit(urljoin(base, location))
    assert target.netloc == "site.example"
    assert unquote_to_bytes(target.path) == b"/prefix" + path.encode("latin-1") + b"/"


def test_the_prefix_redirects_to_its_url_with_a_slash(root: Path) -> None:
    app = StaticFiles(None, root / "dir", prefix="/d/")
    assert fetch(app, "/d", SCRIPT_NAME="/m").fields["location"] == "d/"
    assert fetch(app, "/d/").body == b"index"
    assert_miss(root, "/")  # it has no index


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "Head", "BREW", ""]
)
def test_other_methods_are_refused_or_passed_on(root: Path, method: str) -> None:
    headers = {"If-Match": '"x"', "Range": "bytes=0-1"}
    for app in (StaticFiles(None, root), FileApp(root / "a.txt")):
        answer = fetch(app, "/a.txt", method, headers)
        assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD")  # 15.5.6
        assert answer.fields["content-type"].startswith("text/plain")
    assert fetch(StaticFiles(None, root), "/nothing", method, headers).status == 404
    assert call_strictly(StaticFiles(wrapped, root), make_environ("/a.txt", method)).status == 299


def test_preconditions_do_not_matter_for_a_miss(root: Path) -> None:
    """13.2.1: they are ignored if the plain response is a 404."""
    for headers in ({"If-Match": '"x"'}, {"If-None-Match": "*"}, {"Range": "bytes=9-"}):
        assert fetch(StaticFiles(None, root), "/nothing", headers=headers).status == 404


def test_nested_apps_are_tried_from_the_outside_in(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"outermost")
    app = StaticFiles(wrapped, root / "dir", prefix="/static/")
    app = StaticFiles(app, root, prefix="/static/")
    app = StaticFiles(app, tmp_path, prefix="/static/")
    for path, content in {
        "/static/a.txt": b"outermost",
        "/static/dir/b.txt": b"dir/b.txt",
        "/static/b.txt": b"dir/b.txt",
        "/static/nothing": b"wrapped",
        "/other": b"wrapped",
    }.items():
        assert fetch(app, path).body == content


def test_variables_that_pep_3333_allows_to_be_absent(root: Path) -> None:
    bare = {"REQUEST_METHOD": "GET", "PATH_INFO": "/dir"}
    assert call_strictly(StaticFiles(None, root), bare).fields["location"] == "dir/"
    del bare["PATH_INFO"]
    assert call_strictly(StaticFiles(wrapped, root), bare).status == 299


def test_a_missing_directory_is_an_error_unless_it_may_appear_later(tmp_path: Path) -> None:
    missing = tmp_path / "later"
    with pytest.raises(ValueError, match="later"):
        StaticFiles(None, missing)
    app = StaticFiles(None, missing, check_dir=False)
    assert fetch(app, "/a.txt").status == 404
    missing.mkdir()
    (missing / "a.txt").write_bytes(b"now")
    assert fetch(app, "/a.txt").body == b"now"
