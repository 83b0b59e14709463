"""``StaticFiles``: the order of a request, and which requests go to the wrapped app."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call, call_raw, make_environ, start
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.files import directory


class Inner:
    """A wrapped app that keeps the environ of the last request."""

    def __init__(self) -> None:
        self.environ: dict[str, Any] = {}

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.environ = dict(environ)
        start_response("299 Inner", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]


def files(site: Path | zipfile.Path, app: Any = None, **options: Any) -> StaticFiles:
    return StaticFiles(app, site, **options)


def test_a_file_and_its_header_fields(site: Path) -> None:
    result = call(files(site), "/hello.txt")
    assert result.status == 200
    assert result.body == b"hello world\n"
    assert result.headers == {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": "12",
        "Accept-Ranges": "bytes",
        "ETag": '"17979cfe362a0000-c"',
        "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "Cache-Control": "max-age=60",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.parametrize("options", [{}, {"cache_file_size": 0}, {"cache_size": 0}])
def test_a_directory_in_a_zip_archive(tmp_path: Path, options: dict[str, Any]) -> None:
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("static/hello.txt", "hello world\n")
    age(tmp_path / "files.zip")
    settle()
    with zipfile.ZipFile(tmp_path / "files.zip") as archive:
        app = files(zipfile.Path(archive, "static/"), **options)
        for _ in range(2):  # from the archive, then from the cache
            assert call(app, "/hello.txt").body == b"hello world\n"
            assert call(app, "/hello.txt", HTTP_RANGE="bytes=6-").body == b"world\n"
        assert call(app, "/nope.txt").status == 404
        with pytest.raises(ValueError, match="directory must be an existing directory, not"):
            files(zipfile.Path(archive, "nope"))


def test_an_empty_file(site: Path, open_descriptors: None) -> None:
    result = call(files(site), "/empty.bin")
    assert (result.status, result.blocks, result.headers["Content-Length"]) == (200, [b""], "0")


@pytest.mark.parametrize("prefix", ["static", "/static", "static/", "/static/", "//static//"])
def test_slashes_around_the_prefix_do_not_matter(site: Path, prefix: str) -> None:
    app = files(site, Inner(), prefix=prefix)
    assert call(app, "/static/hello.txt").status == 200
    assert call(app, "/hello.txt").status == 299
    assert call(app, "/static-notes.txt").status == 299
    assert call(app, "/static../secret.txt").status == 299


# CVE-2026-34785, CVE-2018-19052: a prefix matches whole segments.
OTHERS = r"""/static-notes.txt /static.. /static../a /statics/a /static.js /static%2fa /static\ /
/stati static/a //static/a /x/static /STATIC/a /./static/a"""


@pytest.mark.parametrize(
    "path_info", [*OTHERS.split(), "", "/\udc80", "/static\u20ac", None, b"/static/"]
)
@pytest.mark.parametrize("script_name", ["", "/app"])
def test_paths_outside_the_prefix_go_to_the_wrapped_app(
    site: Path, path_info: Any, script_name: str
) -> None:
    (site / "index.html").write_text("index")
    app = files(site, Inner(), prefix="/static/")
    environ = make_environ("/", SCRIPT_NAME=script_name)
    environ["PATH_INFO"] = path_info
    assert call_raw(app, environ).status == 299
    del environ["PATH_INFO"]
    assert call_raw(app, environ).status == 299


def test_a_prefix_that_is_not_ascii(site: Path) -> None:
    app = files(site, prefix="/größe/")
    assert call(app, "/größe/hello.txt".encode().decode("latin-1")).status == 200


def test_file_names_that_are_not_ascii(site: Path) -> None:
    for name in ("größe.txt", "日本.txt"):
        (site / name).write_text("x")
        assert call(files(site), f"/{name}".encode().decode("latin-1")).status == 200


@pytest.mark.byte_names
def test_file_names_that_are_not_unicode(site: Path) -> None:
    raw = os.fsencode(site) + b"/\xff.txt"
    with open(raw, "wb") as file:
        file.write(b"y")
    assert call(files(site), "/\xff.txt").body == b"y"


@pytest.mark.parametrize(
    "path",
    ["/nope", pytest.param("/hello.txt/", marks=pytest.mark.trailing_slashes), "/hello.txt/x",
     "//hello.txt", "/sub//page.html", "/./hello.txt",
     "/sub/../hello.txt", "/../secret.txt", "/.hidden", "/hello.txt\0", "/bare/", "/bare",
     "/" + "x" * 300, "/" + "x/" * 3000 + "x", "/\u20ac", "/\udc80", "*", "hello.txt",
     "http://host/hello.txt"],
)  # fmt: skip
def test_misses_reach_the_wrapped_app_with_environ_unchanged(site: Path, path: str) -> None:
    inner = Inner()
    app = files(site, inner)
    environ = make_environ(path)
    before = dict(environ)
    assert call_raw(app, environ).status == 299
    assert inner.environ == environ == before
    assert call_raw(files(site), make_environ(path)).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""])
def test_other_methods_go_to_the_wrapped_app_or_get_405(site: Path, method: str) -> None:
    inner = Inner()
    assert call_raw(files(site, inner), make_environ("/hello.txt", method)).status == 299
    assert inner.environ["REQUEST_METHOD"] == method
    for path in ("/hello.txt", "/sub/", "/sub"):
        alone = call_raw(files(site), make_environ(path, method))
        assert (alone.status, alone.headers["Allow"]) == (405, "GET, HEAD")
    assert call_raw(files(site), make_environ("/nope", method)).status == 404


def test_an_unreadable_file_gets_405_for_other_methods(
    public_directory: Path, ordinary_user: None
) -> None:
    with as_root():
        (public_directory / "private.txt").touch(mode=0)
        (public_directory / "sub").mkdir(mode=0o755)
        (public_directory / "sub" / "index.html").touch(mode=0)
    for path in ("/private.txt", "/sub/", "/sub"):
        assert call_raw(files(public_directory), make_environ(path, "POST")).status == 405


def test_a_miss_without_a_wrapped_app_is_404(site: Path) -> None:
    result = call(files(site), "/nope")
    assert result.body.startswith(b"404 Not Found")
    assert result.headers["Content-Length"] == str(len(result.body))
    assert result.headers["Cache-Control"] == "no-store"
    head = call(files(site), "/nope", "HEAD")
    assert (head.status, head.blocks) == (404, [b""])
    assert head.headers == result.headers


def test_a_directory_redirects_to_its_index(site: Path) -> None:
    app = files(site, Inner(), prefix="/static/")
    result = call(app, "/static/sub?a=1&b=%20")
    assert (result.status, result.body) == (301, b"")
    assert result.headers["Location"] == "sub/?a=1&b=%20"
    assert result.headers["Content-Length"] == "0"
    assert result.headers["Cache-Control"] == "max-age=60"
    assert call(app, "/static/sub/").body == b"<p>index</p>"
    assert call(app, "/static/sub/").headers["Content-Type"] == "text/html; charset=utf-8"
    mounted = call(app, "/static/sub", SCRIPT_NAME="/app")
    assert mounted.headers["Location"] == "sub/"


def test_the_prefix_without_its_slash(site: Path) -> None:
    (site / "index.html").write_text("root")
    assert call(files(site, prefix="/static"), "/static").headers["Location"] == "static/"
    assert call(files(site, prefix="/static"), "/static/").body == b"root"
    mounted = call(files(site), "", SCRIPT_NAME="/app")
    assert mounted.headers["Location"] == "app/"
    # The URL ends in a slash already, and would redirect to itself.
    for script_name in ("", "/", "/app/"):
        assert call_raw(files(site), make_environ("", SCRIPT_NAME=script_name)).status == 404


def test_the_option_index(site: Path) -> None:
    (site / "sub" / "home.htm").write_text("home")
    assert call(files(site, index="home.htm"), "/sub/").body == b"home"
    assert call(files(site, index=None), "/sub/").status == 404
    assert call(files(site, index=None), "/sub").status == 404
    (site / "bare" / "index.html").mkdir()
    assert call(files(site), "/bare/").status == 404
    assert call(files(site), "/bare").status == 404


def test_an_unreadable_index_is_403(
    public_directory: Path, ordinary_user: None, caplog: pytest.LogCaptureFixture
) -> None:
    with as_root():
        (public_directory / "sub").mkdir(mode=0o755)
        (public_directory / "sub" / "index.html").touch(mode=0)
    app = files(public_directory)
    for path, method in (("/sub", "GET"), ("/sub/", "GET"), ("/sub/index.html", "HEAD")):
        result = call(app, path, method)
        assert result.status == 403
        assert str(public_directory) not in result.body.decode() + str(result.headers)
        assert result.headers["Cache-Control"] == "no-store"
    assert str(public_directory / "sub" / "index.html") in caplog.text


class as_root:  # noqa: N801
    def __enter__(self) -> None:
        self.user = os.geteuid()
        if os.getuid() == 0:
            os.seteuid(0)

    def __exit__(self, *exc_info: object) -> None:
        os.seteuid(self.user)


@pytest.mark.free_names
@pytest.mark.parametrize("path", ["//evil.example/..", "/\\evil.example", "/\t/evil.example/sub"])
def test_a_redirect_never_leads_to_another_host(site: Path, path: str) -> None:
    app = files(site)
    assert call_raw(app, make_environ(path)).status == 404
    (site / "\\evil.example").mkdir()
    (site / "\\evil.example" / "index.html").write_text("x")
    for script_name in ("", "/", "//evil.example", "/\\evil.example", "\u20ac", 5):
        environ = make_environ("/\\evil.example", SCRIPT_NAME=script_name)
        location = call_raw(app, environ).headers["Location"]
        assert location == "%5Cevil.example/"


def test_some_names_that_begin_with_a_dot(site: Path) -> None:
    """Zarr version 2 keeps its metadata in such files."""
    for name in (".zarray", ".zmetadata", ".env"):
        (site / "bare" / name).write_text(name)
    app = files(site, dotfiles=[".zarray", ".zm*"], listing=True)
    for path, status in (("/.zarray", 200), ("/.zmetadata", 200), ("/.env", 404)):
        assert call(app, "/bare" + path).status == status
    listed = json.loads(call(app, "/bare/", HTTP_ACCEPT="application/json").body)
    assert [entry["name"] for entry in listed] == [".zarray", ".zmetadata", "file.txt"]


def test_the_option_dotfiles(site: Path) -> None:
    (site / ".well-known").mkdir()
    (site / ".well-known" / "security.txt").write_text("mailto:")
    (site / ".well-known" / ".secret").write_text("x")
    assert call(files(site, dotfiles=True), "/.hidden").body == b"hidden"
    assert call(files(site), "/.well-known/security.txt").status == 200
    assert call(files(site), "/.well-known/.secret").status == 404


@pytest.mark.symlinks
def test_the_option_symlinks(site: Path) -> None:
    (site / "out.txt").symlink_to("../secret.txt")
    (site / "in.txt").symlink_to("hello.txt")
    for policy, out, inside in (("inside", 404, 200), ("follow", 200, 200), ("deny", 404, 404)):
        app = files(site, symlinks=policy)
        assert (call(app, "/out.txt").status, call(app, "/in.txt").status) == (out, inside)


@pytest.mark.live
def test_changes_are_seen_at_the_next_request(site: Path) -> None:
    app = StaticFiles(None, site / "later", check_dir=False)
    assert call(app, "/a.txt").status == 404
    (site / "later").mkdir()
    path = site / "later" / "a.txt"
    path.write_text("one")
    age(path)
    first = call(app, "/a.txt")
    path.write_text("two")
    second = call(app, "/a.txt")
    assert (first.body, second.body) == (b"one", b"two")
    assert first.headers["ETag"] != second.headers["ETag"]
    again = call(app, "/a.txt", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status, again.body) == (200, b"two")
    path.unlink()
    assert call(app, "/a.txt").status == 404


def test_nested_apps_are_tried_from_the_outside_in(site: Path, tmp_path: Path) -> None:
    theme = tmp_path / "theme"
    theme.mkdir()
    (theme / "hello.txt").write_text("theme")
    app = files(theme, files(site, Inner(), prefix="/static/"), prefix="/static/")
    assert call(app, "/static/hello.txt").body == b"theme"
    assert call(app, "/static/digits.bin").status == 200
    assert call(app, "/other").status == 299


@pytest.mark.descriptors
def test_a_shortage_of_descriptors_is_503(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    import resource

    app = files(site)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        result = call(app, "/hello.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert result.status == 503
    assert int(result.headers["Retry-After"]) > 0
    assert str(site) not in result.body.decode()
    assert str(site) in caplog.text
    assert call(app, "/hello.txt").status == 200


def test_an_input_output_error_is_500(
    site: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(directory, "_require_regular", fail)
    result = call(files(site), "/hello.txt")
    assert result.status == 500
    assert b"hello" not in result.body
    assert repr(str(site / "hello.txt")) in caplog.text


def test_the_file_is_closed_if_start_response_raises(site: Path, open_descriptors: None) -> None:
    def refuse(*arguments: Any) -> Any:
        raise RuntimeError("no")

    for path in ("/digits.bin", "/empty.bin", "/nope"):
        with pytest.raises(RuntimeError):
            files(site, block_size=10)(make_environ(path), refuse)


def test_every_response_has_the_configured_headers(site: Path) -> None:
    app = files(site, allow_origin="*", cache_control=lambda path, url: f'url="{url}"')
    cases: list[tuple[Response, int]] = [
        (call(app, "/hello.txt"), 200),
        (call(app, "/hello.txt", HTTP_RANGE="bytes=0-1"), 206),
        (call(app, "/hello.txt", HTTP_RANGE="bytes=0-1,3-4"), 206),
        (call(app, "/hello.txt", HTTP_IF_NONE_MATCH="*"), 304),
        (call(app, "/hello.txt", HTTP_IF_MATCH='"x"'), 412),
        (call(app, "/hello.txt", HTTP_RANGE="bytes=99-"), 416),
        (call(app, "/sub"), 301),
        (call(app, "/nope"), 404),
        (call_raw(app, make_environ("/hello.txt", "PUT")), 405),
    ]
    for result, status in cases:
        assert result.status == status
        assert result.headers["Access-Control-Allow-Origin"] == "*"
        assert result.headers["X-Content-Type-Options"] == "nosniff"
    urls = [result.headers.get("Cache-Control") for result, _ in cases]
    assert urls[:4] == ['url="/hello.txt"'] * 4
    assert urls[4:6] == [None, None]
    assert urls[6:] == ['url="/sub/"', "no-store", "no-store"]
    plain = call(files(site, nosniff=False, cache_control=None), "/hello.txt").headers
    assert not {"X-Content-Type-Options", "Cache-Control"} & plain.keys()


def test_close_closes_the_file_of_an_unread_body(site: Path, open_descriptors: None) -> None:
    result = start(files(site, block_size=10, cache_size=0), make_environ("/digits.bin"))
    assert not isinstance(result.iterable, list)
    next(iter(result.iterable))
    result.iterable.close()  # type: ignore[attr-defined]


def test_a_directory_beside_the_root_is_not_reached_by_a_longer_prefix(site: Path) -> None:
    (site.parent / f"{site.name}-notes").mkdir()
    (site / "index.html").write_text("index")
    assert call(files(site, Inner(), prefix="/static"), "/static-notes").status == 299


def test_the_cache_does_not_answer_other_methods(site: Path) -> None:
    settle()
    for app, status in ((None, 405), (Inner(), 299)):
        wrapped = files(site, app)
        fields = call(wrapped, "/hello.txt").headers
        for extra in (
            {"HTTP_IF_NONE_MATCH": fields["ETag"]},
            {"HTTP_IF_MODIFIED_SINCE": fields["Last-Modified"]},
        ):
            assert call(wrapped, "/hello.txt", "PUT", **extra).status == status


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/sub/../../secret.txt", "/..", "/.hidden", "/sub/.git/config"]
)
def test_no_file_system_call_is_made_for_names_above_the_root_or_hidden_names(
    site: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    app, looked = files(site), []

    def record(*arguments: Any, **options: Any) -> Any:
        looked.append(arguments)
        raise FileNotFoundError

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", record)
        assert call_raw(app, make_environ(path)).status == 404
    assert looked == []


def test_values_in_environ_that_are_not_text(site: Path) -> None:
    app = files(site)
    odd: list[Any] = [None, 5, b"bytes", object()]
    for value in odd:
        for key in ("PATH_INFO", "REQUEST_METHOD", "SCRIPT_NAME", "HTTP_RANGE", "QUERY_STRING",
                    "HTTP_IF_RANGE", "HTTP_IF_NONE_MATCH"):  # fmt: skip
            environ = make_environ("/sub")
            environ[key] = value
            assert call_raw(app, environ).status in (200, 301, 404, 405)
    assert call_raw(app, {}).status == 404


def test_log_lines_cannot_be_forged(
    public_directory: Path, ordinary_user: None, caplog: pytest.LogCaptureFixture
) -> None:
    name = "x\nCRITICAL: all is lost"
    with as_root():
        (public_directory / name).touch(mode=0)
    assert call(files(public_directory), f"/{name}").status == 403
    assert caplog.records
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("status", "kept"),
    [("404 Not Found", False), ("410 Gone", False), ("200 OK", True), ("403 Forbidden", True)],
)
def test_the_option_no_store_misses(site: Path, status: str, kept: bool) -> None:
    def inner(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response(
            status,
            [
                ("Content-Type", "text/plain"),
                ("Content-Length", "2"),
                ("cache-control", "public"),
                ("Expires", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ],
        )
        assert callable(write)
        return [b"no"]

    app = StaticFiles(inner, site, prefix="/static", no_store_misses=True)
    result = call(app, "/static/nope")
    assert (result.status, result.body) == (int(status[:3]), b"no")
    assert ("Cache-Control" in result.headers) is not kept
    assert ("Expires" in result.headers) is kept
    elsewhere = call(app, "/nope")
    assert elsewhere.headers["cache-control"] == "public"
    plain = call(StaticFiles(inner, site, prefix="/static"), "/static/nope")
    assert plain.headers["cache-control"] == "public"
    if not kept:
        assert result.headers["Cache-Control"] == "no-store"
