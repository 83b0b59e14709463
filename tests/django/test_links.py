"""``collectstatic --link``: STATIC_ROOT holds links to the files of the finders."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.client import call
from tests.django.conftest import Configure, write
from tests.django.test_wrap import inner_app
from wsgistatic.django.wsgi import wrap

pytestmark = pytest.mark.symlinks


@pytest.fixture
def linked(tmp_path: Path, configure: Configure) -> Path:
    for name, content in (
        ("first/app.css", "first"),
        ("second/app.css", "second"),
        ("second/docs/index.html", "<p>docs</p>"),
        ("second/.env", "secret"),
        ("vendor/lib.js", "lib()"),
        ("secret.txt", "secret"),
    ):
        write(tmp_path / name, content)
    root = tmp_path / "root"
    configure(
        DEBUG=False,
        STATIC_ROOT=root,
        STATICFILES_DIRS=[tmp_path / "first", tmp_path / "second", ("v", tmp_path / "vendor")],
        WSGISTATIC={"cache_control": "max-age=5"},
    )
    call_command("collectstatic", link=True, interactive=False, stdout=StringIO())
    assert (root / "app.css").is_symlink()
    return root


def test_links_to_the_files_of_the_finders_are_served(linked: Path) -> None:
    app = wrap(inner_app)
    response = call(app, "/static/app.css")
    assert (response.body, response.headers["Cache-Control"]) == (b"first", "max-age=5")
    assert call(app, "/static/v/lib.js", HTTP_RANGE="bytes=0-2").body == b"lib"
    assert call(app, "/static/docs/").body == b"<p>docs</p>"
    assert call(app, "/static/docs").headers["Location"] == "docs/"
    assert b"--primary" in call(app, "/static/admin/css/base.css").body
    write(linked / "own.css", "own")
    assert call(app, "/static/own.css").body == b"own"


def test_only_what_collectstatic_would_link_is_served(linked: Path, configure: Configure) -> None:
    top = linked.parent
    for name, target in (
        ("secret.txt", top / "secret.txt"),
        ("env.txt", top / "second/.env"),
        ("other.css", top / "first/app.css"),
        ("v/app.css", top / "second/app.css"),
        ("lib.js", top / "nowhere"),
    ):
        (linked / name).symlink_to(target)
    (linked / "app.css").unlink()
    (linked / "app.css").symlink_to(top / "second/app.css")  # the finders prefer the first
    (linked / "docs/index.html").unlink()
    app = wrap(inner_app)
    for path in ("secret.txt", "env.txt", "other.css", "v/app.css", "lib.js", "app.css", "docs/"):
        assert call(app, f"/static/{path}").body == b"the app", path
    (linked / "v/lib.js").unlink()
    assert call(app, "/static/v/lib.js").body == b"the app"


def test_symlinks_deny_also_denies_these_links(linked: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"symlinks": "deny"})
    assert call(wrap(inner_app), "/static/app.css").body == b"the app"
    configure(WSGISTATIC={"symlinks": "follow"})
    assert call(wrap(inner_app), "/static/app.css").body == b"first"
