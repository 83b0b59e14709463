"""Apps that dispatchers mount below a SCRIPT_NAME."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from tests.client import call
from tests.conftest import age
from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    Mount = Callable[[dict[str, WSGIApplication]], WSGIApplication]


def mount_with_werkzeug(apps: dict[str, WSGIApplication]) -> WSGIApplication:
    dispatcher = pytest.importorskip("werkzeug.middleware.dispatcher")
    return dispatcher.DispatcherMiddleware(echo, apps)  # type: ignore[no-any-return]


def mount_with_cheroot(apps: dict[str, WSGIApplication]) -> WSGIApplication:
    wsgi = pytest.importorskip("cheroot.wsgi")
    return wsgi.PathInfoDispatcher({"/": echo, **apps})  # type: ignore[no-any-return]


def mount_with_cherrypy(apps: dict[str, WSGIApplication]) -> WSGIApplication:
    pytest.importorskip("cherrypy")
    from cherrypy._cptree import Tree  # cherrypy.tree is global

    tree = Tree()
    tree.graft(echo, "")
    for path, app in apps.items():
        tree.graft(app, path)
    return tree  # type: ignore[no-any-return]


def mount_with_paste(apps: dict[str, WSGIApplication]) -> WSGIApplication:
    urlmap = pytest.importorskip("paste.urlmap").URLMap()
    urlmap[""] = echo
    for path, app in apps.items():
        urlmap[path] = app
    return urlmap  # type: ignore[no-any-return]


def echo(environ: Any, start_response: Any) -> list[bytes]:
    """Respond with the mount point and the path below it."""
    body = f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture(
    params=[mount_with_werkzeug, mount_with_cheroot, mount_with_cherrypy, mount_with_paste]
)
def mount(request: pytest.FixtureRequest) -> Mount:
    mount: Mount = request.param
    return mount


@pytest.fixture
def theme(tmp_path: Path) -> Path:
    theme = tmp_path / "theme"
    theme.mkdir()
    for name in ("hello.txt", "only.txt"):
        (theme / name).write_text("theme")
        age(theme / name)
    return theme


def test_app_without_inner_app(mount: Mount, site: Path) -> None:
    app = mount({"/files": StaticFiles(None, site)})
    assert call(app, "/files/hello.txt").body == b"hello world\n"
    assert call(app, "/files/hello.txt", HTTP_RANGE="bytes=-6").body == b"world\n"
    tag = call(app, "/files/hello.txt").headers["ETag"]
    assert call(app, "/files/hello.txt", HTTP_IF_NONE_MATCH=tag).status == 304
    assert call(app, "/files/hello.txt", "HEAD").headers["Content-Length"] == "12"
    assert call(app, "/files/nope").status == 404
    assert call(app, "/hello.txt").body == b"|/hello.txt"
    assert call(app, "/files-not").body == b"|/files-not"


def test_redirects_stay_below_the_mount(mount: Mount, site: Path) -> None:
    (site / "index.html").write_text("top")
    app = mount({"/files": StaticFiles(None, site), "/other": StaticFiles(None, site, "/docs")})
    for path, location in (
        ("/files/sub?a=b", "sub/?a=b"),
        ("/files", "files/"),
        ("/other/docs/sub", "sub/"),
        ("/other/docs", "docs/"),
    ):
        redirect = call(app, path)
        assert (redirect.status, redirect.headers["Location"]) == (301, location)
        assert call(app, urljoin(path, location)).status == 200


def test_nested_static_files(mount: Mount, site: Path, theme: Path) -> None:
    nested = StaticFiles(echo, theme, prefix="/static/")
    nested = StaticFiles(nested, site, prefix="/static/")
    app = mount({"/site": nested})
    assert call(app, "/site/static/hello.txt").body == b"hello world\n"  # the outermost comes first
    assert call(app, "/site/static/only.txt").body == b"theme"
    assert call(app, "/site/static/sub").headers["Location"] == "sub/"
    for path in ("/static/nope", "/elsewhere"):
        assert call(app, f"/site{path}").body == f"/site|{path}".encode()
    assert call(app, "/site/static/hello.txt", "POST", CONTENT_LENGTH="0").body == (
        b"/site|/static/hello.txt"
    )


def test_dispatcher_as_inner_app(mount: Mount, site: Path, theme: Path) -> None:
    app = StaticFiles(mount({"/theme": StaticFiles(echo, theme)}), site, prefix="/static/")
    assert call(app, "/static/hello.txt").body == b"hello world\n"
    assert call(app, "/theme/hello.txt").body == b"theme"
    assert call(app, "/theme/nope").body == b"/theme|/nope"
    assert call(app, "/static/nope").body == b"|/static/nope"


def test_nested_mounts(site: Path) -> None:
    inner = mount_with_werkzeug({"/b": StaticFiles(echo, site, prefix="/static")})
    app = mount_with_werkzeug({"/a": inner})
    assert call(app, "/a/b/static/hello.txt").body == b"hello world\n"
    assert call(app, "/a/b/static/sub").headers["Location"] == "sub/"
    assert call(app, "/a/b/nope").body == b"/a/b|/nope"
