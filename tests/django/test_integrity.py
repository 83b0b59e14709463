"""``{% load wsgistatic %}``: the integrity is that of the file which the URL leads to."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import Storage
from django.core.management import call_command
from django.template import Context, Engine
from django.utils.safestring import mark_safe

from tests.client import call
from tests.conftest import settle
from tests.django.conftest import Configure, write
from tests.django.test_manifest import storages
from tests.django.test_wrap import MANIFEST, inner_app
from wsgistatic.django.integrity import _log, static_integrity
from wsgistatic.django.templatetags.wsgistatic import static_element
from wsgistatic.django.wsgi import wrap
from wsgistatic.files import digests
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
ENGINE = Engine(libraries={"wsgistatic": "wsgistatic.django.templatetags.wsgistatic"})


def integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def render(tag: str, **context: Any) -> str:
    return ENGINE.from_string("{% load wsgistatic %}" + tag).render(Context(context))


def attributes_of(element: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r' ([\w-]+)="(.*?)"', element)}


@pytest.fixture
def sources(tmp_path: Path, configure: Configure) -> Path:
    write(tmp_path / "first/css/app.css", 'a { background: url("../img/a.svg") }')
    write(tmp_path / "second/css/app.css", "hidden by the first")
    write(tmp_path / "second/js/app.js", "run()")
    write(tmp_path / "second/js/module.mjs", "export {}")
    write(tmp_path / "second/img/a.svg", "<svg/>")
    configure(
        STATIC_ROOT=str(tmp_path / "root"),
        STATICFILES_DIRS=[tmp_path / "first", tmp_path / "second"],
        DEBUG=False,
    )
    _log.cache_clear()
    return tmp_path


SETUPS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "finders": (PLAIN, {"DEBUG": True}, False),
    "manifest storage with DEBUG": (MANIFEST, {"DEBUG": True}, True),
    "collected": (PLAIN, {}, True),
    "manifest": (MANIFEST, {}, True),
    "finders in production": (PLAIN, {"WSGISTATIC": {"finders": True}}, False),
    "finders and a manifest": (MANIFEST, {"WSGISTATIC": {"finders": True}}, True),
    "no finders with DEBUG": (PLAIN, {"DEBUG": True, "WSGISTATIC": {"finders": False}}, True),
}


@pytest.mark.parametrize("setup", SETUPS)
def test_browsers_get_the_bytes_that_the_element_promises(
    sources: Path, configure: Configure, setup: str
) -> None:
    backend, values, is_collected = SETUPS[setup]
    configure(STORAGES=storages(backend), **values)
    if is_collected:
        call_command("collectstatic", verbosity=0, interactive=False)
    app = wrap(inner_app)
    for name in ("css/app.css", "js/app.js", "js/module.mjs"):
        element = render("{% static_element name %}", name=name)
        attributes = attributes_of(element)
        url = attributes.get("href") or attributes["src"]
        response = call(app, url)
        assert response.status == 200
        assert response.body != b"the app"
        assert attributes["integrity"] == integrity(response.body)
        assert render("{% static_integrity name %}", name=name) == attributes["integrity"]
        assert attributes["crossorigin"] == "anonymous"
        is_hashed = backend == MANIFEST and not settings.DEBUG
        assert (url != f"/static/{name}") is is_hashed


@pytest.mark.usefixtures("sources")
def test_the_name_of_a_former_release_leads_to_the_current_file(configure: Configure) -> None:
    configure(STORAGES=storages(MANIFEST))
    call_command("collectstatic", verbosity=0, interactive=False)
    app = wrap(inner_app)
    former, current = (call(app, f"/static/js/app{one}.js") for one in (".0123456789ab", ""))
    assert (former.status, former.body) == (200, current.body)
    assert former.headers["Cache-Control"] == "no-cache"


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (
            "'js/app.js'",
            '<script src="/static/js/app.js" INTEGRITY crossorigin="anonymous"></script>',
        ),
        (
            "'css/app.css' media='print'",
            '<link rel="stylesheet" href="/static/css/app.css" INTEGRITY crossorigin="anonymous"'
            ' media="print">',
        ),
        (
            "'js/app.js' 'defer' type='module' async=True nomodule=False nonce=None",
            '<script src="/static/js/app.js" INTEGRITY crossorigin="anonymous" type="module" async'
            " defer></script>",
        ),
        (
            "'js/app.js' crossorigin='use-credentials' data_turbo_track=0",
            '<script src="/static/js/app.js" INTEGRITY crossorigin="use-credentials"'
            ' data-turbo-track="0"></script>',
        ),
        (
            "'js/app.js' integrity=False crossorigin=None",
            '<script src="/static/js/app.js"></script>',
        ),
        (
            "'js/app.js' rel='modulepreload'",
            '<link rel="modulepreload" href="/static/js/app.js" INTEGRITY crossorigin="anonymous">',
        ),
        (
            "'img/a.svg' rel='icon'",
            '<link rel="icon" href="/static/img/a.svg" INTEGRITY crossorigin="anonymous">',
        ),
        (
            "'js/app.js' nonce=word integrity=None",
            '<script src="/static/js/app.js" crossorigin="anonymous"'
            ' nonce="&quot;&gt;&lt;b&amp;"></script>',
        ),
        (
            "'js/app.js' nonce=safe integrity=None",
            '<script src="/static/js/app.js" crossorigin="anonymous" nonce="&amp;"></script>',
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("autoescape", ["{% autoescape on %}", "{% autoescape off %}"])
def test_the_element(
    sources: Path, configure: Configure, tag: str, expected: str, autoescape: str
) -> None:
    configure(STORAGES=storages(PLAIN), DEBUG=True)
    element = render(
        f"{autoescape}{{% static_element {tag} %}}{{% endautoescape %}}",
        word='"><b&',
        safe=mark_safe("&amp;"),
    )
    assert re.sub('integrity="sha384-.{64}"', "INTEGRITY", element) == expected


@pytest.mark.usefixtures("sources")
def test_what_is_no_element() -> None:
    with pytest.raises(ValueError, match=r"needs a \.js, \.mjs or \.css file, or rel, not"):
        static_element("img/a.svg")
    with pytest.raises(ValueError, match="'x>' is not the name of an attribute"):
        static_element("js/app.js", "x>")


@pytest.mark.parametrize("name", ["nope.js", "../secret.txt", "a\0b.js", "js"])
def test_an_unknown_file(
    sources: Path, configure: Configure, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    configure(STORAGES=storages(PLAIN), DEBUG=True)
    with pytest.raises(FileNotFoundError, match="no static file: "):
        static_integrity(name)
    configure(WSGISTATIC={"strict_urls": False})
    assert static_integrity(name) == ""
    configure(DEBUG=False, WSGISTATIC={})
    for _ in range(2):
        assert static_integrity(name) == ""
    assert len(caplog.records) in (1, 2)  # a finder and the storage may give different reasons
    configure(WSGISTATIC={"strict_urls": True})
    with pytest.raises(FileNotFoundError):
        static_integrity(name)


@pytest.mark.usefixtures("sources")
def test_an_element_for_an_unknown_file_has_no_integrity(configure: Configure) -> None:
    configure(STORAGES=storages(PLAIN))
    element = render("{% static_element 'nope.js' %}")
    assert element == '<script src="/static/nope.js" crossorigin="anonymous"></script>'


@pytest.mark.usefixtures("sources")
def test_a_strict_manifest_refuses_a_file_that_it_lacks(configure: Configure) -> None:
    configure(STORAGES=storages(MANIFEST))
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        static_integrity("nope.js")


class RemoteStorage(Storage):
    """A storage without local files."""

    def url(self, name: str | None) -> str:
        return f"https://cdn.example/{name}"


@pytest.mark.usefixtures("sources")
def test_a_remote_storage_has_no_integrity(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(STORAGES=storages(f"{__name__}.RemoteStorage"))
    assert static_integrity("js/app.js") == ""
    assert "support absolute paths" in caplog.text
    configure(DEBUG=True)  # the finders have it
    assert static_integrity("js/app.js") == integrity(b"run()")


@pytest.mark.usefixtures("sources")
def test_a_version_is_hashed_once(
    sources: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    real = digests.hash_content

    def record(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        hashed.append(algorithm)
        return real(file, size, algorithm)

    monkeypatch.setattr(digests, "hash_content", record)
    configure(STORAGES=storages(PLAIN), DEBUG=True)
    path = sources / "second/js/app.js"
    for content in (os.urandom(20), os.urandom(20)):
        path.write_bytes(content)
        settle()
        for _ in range(3):
            assert static_integrity("js/app.js") == integrity(content)
    assert hashed == ["sha384"] * 2
    settle()
    monkeypatch.setattr(digests.DIGESTS, "digest", lambda *_: None)  # it changes all the time
    assert static_integrity("js/app.js") == ""


def test_the_library_is_found_by_its_name(configure: Configure) -> None:
    from django.template.backends.django import get_installed_libraries

    name = "wsgistatic.django.templatetags.wsgistatic"
    assert get_installed_libraries()["wsgistatic"] == name
