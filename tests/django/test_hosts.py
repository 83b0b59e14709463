"""ALLOWED_HOSTS protects the files in front of Django as it protects Django."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from tests.client import call, call_raw, make_environ
from tests.django.conftest import Configure
from tests.django.test_wrap import inner_app
from wsgistatic.django import hosts
from wsgistatic.django.wsgi import wrap

CSS, PHOTO = "/static/app.css", "/media/photo.jpg"


def django_allows(environ: dict[str, Any]) -> bool:
    request = HttpRequest()
    request.META = environ
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("forwarded", [False, True])
@pytest.mark.parametrize("allowed", [[], ["*"], ["a.example", ".b.example", "[::1]"]])
def test_django_decides(
    roots: Path, configure: Configure, debug: bool, forwarded: bool, allowed: list[str]
) -> None:
    configure(
        DEBUG=debug, ALLOWED_HOSTS=allowed, USE_X_FORWARDED_HOST=forwarded,
        WSGISTATIC={"media": True, "finders": False},
    )  # fmt: skip
    app = wrap(inner_app)
    names = ["a.example", "A.EXAMPLE:80", "a.example.", "x.b.example", "b.example", "localhost",
             "x.localhost:8000", "127.0.0.1", "[::1]:8000", "evil.example", "", "a b", "a_b",
             "a.example, evil.example", None]  # fmt: skip
    for host in names:
        for other in (None, "evil.example", "a.example"):
            environ = make_environ(CSS, SERVER_NAME="a.example", SERVER_PORT="8000")
            fields = {"HTTP_HOST": host, "HTTP_X_FORWARDED_HOST": other}
            environ.pop("HTTP_HOST", None)
            environ.update({name: value for name, value in fields.items() if value is not None})
            status = 200 if django_allows(environ) else 400
            for _ in range(2):  # the second time, the host may be known
                assert call_raw(app, environ.copy()).status == status, (host, other)


def test_only_files_are_protected(roots: Path, configure: Configure) -> None:
    configure(ALLOWED_HOSTS=["a.example"], WSGISTATIC={"media": True})
    app, evil = wrap(inner_app), {"HTTP_HOST": "evil.example"}
    for path in (CSS, PHOTO, "/static/nope", "/static", "/media/"):
        assert call(app, path, **evil).status == 400
    # Django and its middleware decide about the rest, such as health checks by address.
    for path in ("/", "/health", "/static-notes.txt"):
        assert call(app, path, **evil).body == b"the app"


def test_the_app_decides_about_hosts_beside_a_root(
    roots: Path, configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/robots.txt").write_text("robots")
    configure(ALLOWED_HOSTS=["a.example"], WSGISTATIC={"root": tmp_path / "public"})
    app = wrap(inner_app)
    for path in ("/health", "/robots.txt"):
        assert call(app, path, HTTP_HOST="10.0.0.1").body == b"the app"
    assert call(app, CSS, HTTP_HOST="10.0.0.1").status == 400
    assert call(app, "/robots.txt", HTTP_HOST="a.example").body == b"robots"


def test_the_refusal(roots: Path, configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    configure(ALLOWED_HOSTS=["a.example"])
    app = wrap(inner_app)
    refused = call(app, CSS, HTTP_HOST="evil\x1b\n.example")
    assert (refused.status, refused.headers["Cache-Control"]) == (400, "no-store")
    head = call(app, CSS, "HEAD", HTTP_HOST="evil.example")
    assert (head.status, head.body) == (400, b"")
    first = caplog.records[0]
    assert (first.name, first.levelno) == ("django.security.DisallowedHost", logging.ERROR)
    assert r"'evil\x1b\n.example'" in first.getMessage()


def test_the_known_hosts_are_bounded(
    roots: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(ALLOWED_HOSTS=["*"])
    monkeypatch.setattr(hosts, "_MAX_KNOWN", 5)
    app: Any = wrap(inner_app)
    for number in range(20):
        assert call(app, CSS, HTTP_HOST=f"{number}.example").status == 200
    assert app._hosts.values == {f"{number}.example" for number in range(5)}
