"""PasteDeploy: real .ini files, each option, each error, and pserve."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import call
from tests.connection import Connection
from wsgistatic import StaticFiles
from wsgistatic.paste import make_app, make_filter_app
from wsgistatic.wsgi.options import ARGUMENTS, OPTIONS

loadwsgi = pytest.importorskip("paste.deploy.loadwsgi")

ECHO = """
def make(global_conf, **local_conf):
    def echo(environ, start_response):
        body = (environ["SCRIPT_NAME"] + "|" + environ["PATH_INFO"]).encode("latin-1")
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response("200 OK", headers)
        return [body]
    return echo
"""


@pytest.fixture
def load(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Any]:
    """Return a function that loads the app of an .ini file beside the directory ``site``."""
    (site.parent / "echo.py").write_text(ECHO)
    monkeypatch.syspath_prepend(str(site.parent))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))  # relative paths start at the file

    def load(text: str) -> Any:
        ini = site.parent / "site.ini"
        ini.write_text(textwrap.dedent(text))
        return loadwsgi.loadapp(f"config:{ini}")

    return load


def test_an_app(load: Callable[[str], Any]) -> None:
    app = load(
        """
        [app:main]
        use = egg:wsgistatic
        directory = %(here)s/site
        """
    )
    assert isinstance(app, StaticFiles)
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=-6").body == b"world\n"
    assert call(app, "/sub").headers["Location"] == "sub/"
    assert call(app, "/nope").status == 404
    assert call(app, "/hello.txt", "POST", CONTENT_LENGTH="0").status == 405


FILTERED = {
    "filter-with": """
        [app:main]
        use = call:echo:make
        filter-with = static
        """,
    "pipeline": """
        [pipeline:main]
        pipeline = static echo

        [app:echo]
        use = call:echo:make
        """,
    "filter-app": """
        [filter-app:main]
        use = static
        next = echo

        [app:echo]
        use = call:echo:make
        """,
}
FILTER = """
        [filter:static]
        use = egg:wsgistatic
        directory = %(here)s/site
        prefix = /static/
        """


@pytest.mark.parametrize("section", FILTERED)
def test_a_filter(load: Callable[[str], Any], section: str) -> None:
    app = load(FILTERED[section] + FILTER)
    assert call(app, "/static/hello.txt").body == b"hello world\n"
    assert call(app, "/static/sub").headers["Location"] == "sub/"
    assert call(app, "/static/nope").body == b"|/static/nope"
    assert call(app, "/").body == b"|/"
    posted = call(app, "/static/hello.txt", "POST", CONTENT_LENGTH="0")
    assert posted.body == b"|/static/hello.txt"


def test_filters_nest(load: Callable[[str], Any], site: Path) -> None:
    (site.parent / "theme").mkdir()
    (site.parent / "theme" / "hello.txt").write_text("theme")
    app = load(
        """
        [pipeline:main]
        pipeline = theme static echo

        [app:echo]
        use = call:echo:make

        [filter:theme]
        use = static
        directory = %(here)s/theme
        """
        + FILTER
    )
    assert call(app, "/static/hello.txt").body == b"theme"
    assert call(app, "/static/digits.bin").body == b"0123456789" * 100
    assert call(app, "/static/nope").body == b"|/static/nope"


def test_in_a_composite(load: Callable[[str], Any]) -> None:
    pytest.importorskip("paste.urlmap")
    app = load(
        """
        [composite:main]
        use = egg:Paste#urlmap
        / = echo
        /files = files

        [app:echo]
        use = call:echo:make

        [app:files]
        use = egg:wsgistatic
        directory = %(here)s/site
        """
    )
    assert call(app, "/files/hello.txt").body == b"hello world\n"
    assert call(app, "/files/sub?q").headers["Location"] == "sub/?q"
    assert call(app, "/files/nope").status == 404
    assert call(app, "/hello.txt").body == b"|/hello.txt"


def test_a_relative_directory_starts_at_the_directory_of_the_ini_file(
    load: Callable[[str], Any],
) -> None:
    app = load("[app:main]\nuse = egg:wsgistatic\ndirectory = site\n")
    assert call(app, "/hello.txt").body == b"hello world\n"


def test_options_of_the_file_affect_responses(load: Callable[[str], Any]) -> None:
    app = load(
        """
        [app:main]
        use = egg:wsgistatic
        directory = %(here)s/site
        cache_control = private, max-age=3600
        allow_origin = *
        nosniff = no
        etag = none
        index = page.html
        dotfiles = on
        # Overrides of the table of media types.
        media_types =
            .txt = text/x-greeting
            # a comment between the lines
            digits.bin = application/x-digits
        """
    )
    headers = call(app, "/hello.txt").headers
    assert headers["Content-Type"] == "text/x-greeting; charset=utf-8"
    assert headers["Cache-Control"] == "private, max-age=3600"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert not headers.keys() & {"ETag", "X-Content-Type-Options"}
    assert call(app, "/digits.bin").headers["Content-Type"] == "application/x-digits"
    assert call(app, "/sub/").body == b"<p>page</p>"
    assert call(app, "/.hidden").status == 200


def test_keys_of_the_default_section_are_not_options(load: Callable[[str], Any]) -> None:
    app = load(
        """
        [DEFAULT]
        debug = true
        cache_control = no-cache
        static = %(here)s/site

        [app:main]
        use = egg:wsgistatic
        directory = %(static)s
        get cache_control = cache_control
        """
    )
    assert call(app, "/hello.txt").headers["Cache-Control"] == "no-cache"


def test_options_extend_those_of_another_file(load: Callable[[str], Any], site: Path) -> None:
    (site / "base.ini").write_text(
        "[app:files]\nuse = egg:wsgistatic\ndirectory = %(here)s\nindex = page.html\n"
    )
    app = load("[app:main]\nuse = config:site/base.ini#files\netag = none\n")
    assert call(app, "/sub/").body == b"<p>page</p>"
    assert "ETag" not in call(app, "/hello.txt").headers


def made_of(monkeypatch: pytest.MonkeyPatch, **options: str) -> dict[str, Any]:
    """Return the arguments that StaticFiles is called with."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr("wsgistatic.paste.StaticFiles", lambda app, **values: asked.update(values))
    make_app({"here": "/srv"}, directory="site", **options)
    assert asked.pop("directory") == os.path.join("/srv", "site")
    return asked


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        *(("dotfiles", text, True) for text in ("true", "yes", "on", "1", "TRUE")),
        *(("dotfiles", text, False) for text in ("false", "no", "off", "0", "No")),
        ("dotfiles", ".zarray, .z*\n.attrs", (".zarray", ".z*", ".attrs")),
        *(("file_wrapper", *case) for case in (("yes", True), ("off", False), ("None", None))),
        ("check_dir", "no", False),
        ("nosniff", "off", False),
        ("prefix", "/static/", "/static/"),
        ("index", "none", None),
        ("index", "home.html", "home.html"),
        ("symlinks", "follow", "follow"),
        ("stat_ttl", "1.5", 1.5),
        ("cache_size", "0", 0),
        ("cache_size", "64 MiB", 64 * 1024**2),
        ("cache_size", "1GiB", 1024**3),
        ("cache_file_size", "512KiB", 512 * 1024),
        ("block_size", "65536", 65536),
        ("max_ranges", "5", 5),
        ("cache_control", "none", None),
        ("cache_control", "no-cache", "no-cache"),
        ("cache_control", "3600", 3600),
        ("allow_origin", "https://example.org", "https://example.org"),
        ("charset", "None", None),
        ("etag", "content", "content"),
        ("media_types", "", {}),
        ("headers", "X-A: b: c\nX-D: e", {"X-A": "b: c", "X-D": "e"}),
        ("headers", "none", None),
        ("headers", "X-A=b:c", {"X-A": "b:c"}),
        ("encodings", "br gzip", ("br", "gzip")),
        ("encodings", "none", ()),
        ("encodings", "br,gzip", ("br", "gzip")),
        ("offload", "X-Accel-Redirect /internal/", ("X-Accel-Redirect", "/internal/")),
        ("offload", "X-Sendfile: /srv/my files", ("X-Sendfile", "/srv/my files")),
        ("offload", "none", None),
        ("offload_headers", "Link, X-A", ("Link", "X-A")),
        ("immutable", "hashed", "hashed"),
        ("compress", "yes", True),
        ("media_types", ".a = b/c", {".a": "b/c"}),
        ("media_types", "\n.a=b/c\nd = e/f; g=h\n", {".a": "b/c", "d": "e/f; g=h"}),
        ("media_types", ".js.gz = text/javascript gzip", {".js.gz": ("text/javascript", "gzip")}),
        ("media_types", ".a=b/c; d=e\tbr", {".a": ("b/c; d=e", "br")}),
    ],
)
def test_a_value(monkeypatch: pytest.MonkeyPatch, option: str, text: str, value: object) -> None:
    assert made_of(monkeypatch, **{option: text}) == {option: value}


BOOLS = "true, yes, on, 1, false, no, off, 0"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dotfiles = maybe", "dotfiles must have names and patterns that .*, not 'maybe'"),
        ("dotfiles = .z*, .*", "dotfiles must have names and patterns that .*, not '\\.\\*'"),
        ("dotfiles =", f"dotfiles must be one of {BOOLS}, or names, not ''"),
        ("check_dir = none", f"check_dir must be one of {BOOLS}, not 'none'"),
        ("nosniff = 2", f"nosniff must be one of {BOOLS}, not '2'"),
        ("file_wrapper = auto", f"file_wrapper must be one of {BOOLS}, none, not 'auto'"),
        ("max_ranges = many", "max_ranges must be a whole number such as 200, not 'many'"),
        ("max_ranges = -1", "max_ranges must be a whole number such as 200, not '-1'"),
        ("stat_ttl = 1s", "stat_ttl must be a number of seconds, not '1s'"),
        ("stat_ttl = nan", "stat_ttl must be at least 0 and finite, not nan"),
        ("cache_size = 64 MB", "cache_size must be a number of bytes, KiB, MiB or GiB, such as "
         "65536 or 64 KiB, not '64 MB'"),
        ("cache_file_size = 1.5 MiB", "cache_file_size must be a number of bytes, .* '1.5 MiB'"),
        pytest.param(
            "block_size = \u0661",
            "block_size must be a number of bytes, .* not '\u0661'",
            marks=pytest.mark.posix_output,
        ),
        ("block_size = " + "9" * 5000, "block_size must be a number of bytes, .* not '999"),
        ("max_ranges = " + "9" * 5000, "max_ranges must be a whole number such .* not '999"),
        ("block_size = 0", "block_size must be at least 1, not 0"),
        ("headers = X-A", "headers must be written as NAME: VALUE or NAME=VALUE, not 'X-A'"),
        ("offload = X-Accel-Redirect", "offload must be a pair"),
        ("encodings = deflate", "encodings must be a sequence of"),
        ("media_types = .foo", "media_types must be written as NAME=TYPE, such as .foo=text/plain, "
         "not '.foo'"),
        ("media_types = .foo = bar", "media_types has the value 'bar' for '.foo'"),
        ("media_types = .foo = a/b zip", "media_types has the content coding 'zip' for '.foo', "
         "which is not one of 'gzip', 'zstd', 'br'"),
        ("index =", "index must be a file name without a directory, not ''"),
        ("etag = md5", "etag must be one of 'stat', 'content', None, not 'md5'"),
        ("symlinks = never", "symlinks must be one of 'inside', 'follow', 'deny', not 'never'"),
        ("prefix = https://example.org/", "prefix must be a URL path"),
        ("cache_control =", "cache_control must be a header value of .* not ''"),
        ("cache_control = max_age=60", "cache_control must be .* not 'max_age=60': did you "),
        ("cache-control = no-cache", "unknown option 'cache-control' .did you mean "
         "'cache_control'\\?.; options are .*cache_control, .*directory, .*symlinks"),
        ("app = x", "unknown option 'app'.*; options are"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["app", "filter"])
def test_an_error(load: Callable[[str], Any], kind: str, line: str, message: str) -> None:
    main = "" if kind == "app" else "[app:main]\nuse = call:echo:make\nfilter-with = ours\n"
    section = "[app:main]" if kind == "app" else "[filter:ours]"
    with pytest.raises(ValueError, match=message):
        load(f"{main}{section}\nuse = egg:wsgistatic\ndirectory = site\n{line}\n")


@pytest.mark.parametrize("line", ["", "directory ="])
def test_a_directory_is_required(load: Callable[[str], Any], line: str) -> None:
    with pytest.raises(ValueError, match="directory is required"):
        load(f"[app:main]\nuse = egg:wsgistatic\n{line}\n")


def test_a_missing_directory(load: Callable[[str], Any], site: Path) -> None:
    text = "[app:main]\nuse = egg:wsgistatic\ndirectory = nowhere\n"
    where = re.escape(repr(str(site.parent / "nowhere")))
    with pytest.raises(ValueError, match=f"directory must be an existing directory, not {where}"):
        load(text)
    assert call(load(text + "check_dir = no\n"), "/hello.txt").status == 404


def test_every_option_but_functions_has_a_converter() -> None:
    options = (ARGUMENTS | OPTIONS).values()
    assert [option.name for option in options if option.from_text is None] == ["on_answer"]


@pytest.mark.posix_output
def test_every_default_can_be_written(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option, StaticFiles' own default counts, and its text gives the same value."""
    options = {name: option.default for name, option in OPTIONS.items()}
    del options["on_answer"]  # no text makes a callable
    texts = {
        name: " ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in options.items()
    }
    assert made_of(monkeypatch) == {}
    assert made_of(monkeypatch, **texts) == options


def test_from_python(site: Path) -> None:
    app = make_app({}, directory=str(site))
    assert call(make_filter_app(app, {}, directory=str(site), prefix="/x"), "/hello.txt").body == (
        b"hello world\n"
    )


SERVER = """
        [server:main]
        use = egg:waitress#main
        listen = 127.0.0.1:0

        [loggers]
        keys = root

        [handlers]
        keys = console

        [formatters]
        keys = plain

        [logger_root]
        level = INFO
        handlers = console

        [handler_console]
        class = StreamHandler
        args = (sys.stdout,)
        formatter = plain

        [formatter_plain]
        format = %(message)s
        """


def test_pserve(site: Path) -> None:
    pytest.importorskip("pyramid")
    (site.parent / "echo.py").write_text(ECHO)
    ini = site.parent / "site.ini"
    ini.write_text(textwrap.dedent(FILTERED["filter-with"] + FILTER + SERVER))
    with subprocess.Popen(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
        cwd=site.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            lines = ""
            while (port := re.search(r"Serving on http://127.0.0.1:(\d+)", lines)) is None:
                line = server.stdout.readline()
                assert line, lines
                lines += line
            with Connection(int(port[1])) as connection:
                assert connection.request("/static/hello.txt").body == b"hello world\n"
                part = connection.request("/static/digits.bin", Range="bytes=995-")
                assert (part.status, part.body) == (206, b"56789")
                assert connection.request("/static/sub").headers["Location"] == "sub/"
                assert connection.request("/static/nope").body == b"|/static/nope"
        finally:
            server.terminate()
