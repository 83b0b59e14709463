"""The system checks report wrong settings, and ``wrap`` raises them."""

from __future__ import annotations

import argparse
import inspect
import re
from ast import literal_eval
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, load_command_class
from django.utils.module_loading import import_string

from tests.client import call
from tests.django.conftest import Configure, write
from tests.django.test_wrap import inner_app
from tests.documents import ROOT
from tests.platforms import ON_WINDOWS
from wsgistatic.django import checks, conf
from wsgistatic.django.conf import _OWN, _UPLOADS
from wsgistatic.django.wsgi import _log_once, wrap


def check_messages() -> list[str]:
    return [
        f"{message.id} {message.msg} {message.hint}" for message in run_checks(tags=["wsgistatic"])
    ]


def test_no_messages_for_correct_settings(roots: Path, configure: Configure) -> None:
    for value in ({}, {"stat_ttl": 1.0}, {"media": True}, {"media": {"attachment": True}}):
        configure(WSGISTATIC=value)
        assert check_messages() == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"WSGISTATIC": ["stat_ttl"]}, "E001 WSGISTATIC must be a dict, not ['stat_ttl']."),
    ({"WSGISTATIC": {"stat_tll": 1}},
     "E002 Unknown option in WSGISTATIC: 'stat_tll'. Did you mean 'stat_ttl'?"),
    ({"WSGISTATIC": {"wibble": 1, 5: 2}},
     "E002 Unknown option in WSGISTATIC: 'wibble', 5. The options are "),
    ({"WSGISTATIC": {"media": {"finders": True}}},
     "E002 Unknown option in WSGISTATIC['media']: 'finders'."),
    ({"WSGISTATIC": {"directory": "x"}}, "E002 Unknown option in WSGISTATIC: 'directory'."),
    ({"WSGISTATIC": {"stat_ttl": -1}},
     "E003 WSGISTATIC: stat_ttl must be at least 0 and finite, not -1."),
    ({"WSGISTATIC": {"index": 5}}, "E003 WSGISTATIC: index must be a file name or None, not 5."),
    ({"WSGISTATIC": {"cache_control": "a\nb"}}, "E003 WSGISTATIC: cache_control must be "),
    ({"WSGISTATIC": {"cache_control": "3600"}}, "E003 WSGISTATIC: cache_control must be "),
    ({"WSGISTATIC": {"not_found": "404.html"}},
     "E003 WSGISTATIC: not_found must be None if there is an app, not '404.html'."),
    ({"WSGISTATIC": {"finders": 1}}, "E003 WSGISTATIC: finders must be True or False, not 1."),
    ({"WSGISTATIC": {"prefix": 5}}, "E003 WSGISTATIC: prefix must be a str such as '/static/'"),
    ({"WSGISTATIC": {"media": 5}},
     "E003 WSGISTATIC['media'] must be True, False or a dict of options, not 5."),
    ({"WSGISTATIC": {"media": {"etag": "md5"}}},
     "E003 WSGISTATIC['media']: etag must be one of 'stat', 'content', None, not 'md5'."),
    ({"WSGISTATIC": {"media": {"attachment": "yes"}}},
     "E003 WSGISTATIC['media']: attachment must be True or False, not 'yes'."),
    ({"STATIC_URL": None}, 'E004 STATIC_URL is not set. For example: STATIC_URL = "/static/".'),
    ({"STATIC_URL": "//["}, "E003 WSGISTATIC: Invalid IPv6 URL."),
    ({"STATIC_URL": "/static/?v=1"}, "E003 WSGISTATIC: prefix must be a URL path"),
    ({"STATIC_ROOT": 5}, "E003 WSGISTATIC: STATIC_ROOT must be a path, not 5."),
    ({"WSGISTATIC": {"root": 5}},
     "E003 WSGISTATIC['root'] must be a path or a dict of options, not 5."),
    ({"WSGISTATIC": {"root": {"index": None}}},
     "E003 WSGISTATIC['root']: WSGISTATIC['root']['directory'] must be a path, not None."),
    ({"WSGISTATIC": {"root": {"directory": "/", "prefix": "/x"}}},
     "E002 Unknown option in WSGISTATIC['root']: 'prefix'."),
    ({"WSGISTATIC": {"media": True}, "MEDIA_URL": ""}, "E004 MEDIA_URL is not set."),
    ({"WSGISTATIC": {"media": True}, "MEDIA_ROOT": ""}, "E006 MEDIA_ROOT is not set."),
    ({"WSGISTATIC": {"media": True}, "MEDIA_URL": "https://media.example/"},
     "E005 MEDIA_URL is 'https://media.example/', which is on another host. If that host fetches "
     "the files from this app, add the path that it requests to WSGISTATIC['media']: "
     '{"prefix": "/"}.'),
    ({"WSGISTATIC": {"media": True}, "MEDIA_URL": "/static"},
     "E007 MEDIA_URL and STATIC_URL are the same."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_settings(
    roots: Path, configure: Configure, wrong: dict[str, Any], message: str
) -> None:
    configure(**wrong)
    assert len(check_messages()) == 1
    assert run_checks(tags=["wsgistatic"])[0].is_serious()
    assert check_messages()[0].startswith(f"wsgistatic.{message}")
    with pytest.raises(ImproperlyConfigured) as raised:
        wrap(inner_app)
    assert check_messages()[0] == f"wsgistatic.{message[:4]} {raised.value}"


MISSING: list[tuple[dict[str, Any], str]] = [
    ({"STATIC_ROOT": None}, "W001 STATIC_ROOT is not set. collectstatic needs it too."),
    ({"STATIC_ROOT": ""}, "W001 STATIC_ROOT is not set. collectstatic needs it too."),
    ({"STATIC_ROOT": "/nowhere"},
     "W002 STATIC_ROOT is '/nowhere', which is not a directory. Run collectstatic."),
    ({"WSGISTATIC": {"root": "/nowhere"}},
     "W002 WSGISTATIC['root'] is '/nowhere', which is not a directory. Its files are served as "
     "soon as it exists."),
]  # fmt: skip


@pytest.mark.posix_output
@pytest.mark.parametrize(("missing", "message"), MISSING)
def test_missing_directories_are_only_warnings(
    roots: Path,
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
    missing: dict[str, Any],
    message: str,
) -> None:
    configure(**missing)
    assert check_messages() == [f"wsgistatic.{message}"]
    assert not run_checks(tags=["wsgistatic"])[0].is_serious()
    _log_once.cache_clear()
    for _ in range(2):
        assert call(wrap(inner_app), "/static/none.css").body == b"the app"
    assert [record.getMessage() for record in caplog.records] == [message[5:]]


def test_static_root_that_collectstatic_creates_later(roots: Path, configure: Configure) -> None:
    configure(STATIC_ROOT=roots / "later")
    app = wrap(inner_app)
    write(roots / "later/app.css", "body {}")
    assert call(app, "/static/app.css").body == b"body {}"


@pytest.mark.parametrize(("static", "media"), [("x", "x"), ("x", "x/media"), ("x/static", "x")])
def test_media_root_and_static_root_inside_each_other(
    roots: Path, configure: Configure, static: str, media: str
) -> None:
    for path in (roots / static, roots / media):
        path.mkdir(parents=True, exist_ok=True)
    if not ON_WINDOWS:
        (roots / "link").symlink_to(roots / media)
    for place in (media,) if ON_WINDOWS else (media, "link"):
        configure(STATIC_ROOT=roots / static, MEDIA_ROOT=roots / place, WSGISTATIC={"media": True})
        assert check_messages() == [
            "wsgistatic.E008 One of MEDIA_ROOT and STATIC_ROOT is inside the other. Uploads "
            "could be fetched as static files. Use separate directories."
        ]


def test_media_root_inside_the_root_of_the_site(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"media": True, "root": roots})
    assert check_messages() == [
        "wsgistatic.E008 One of MEDIA_ROOT and WSGISTATIC['root'] is inside the other. Uploads "
        "could be fetched as static files. Use separate directories."
    ]


def test_directory_with_a_common_name_prefix_is_not_inside(
    roots: Path, configure: Configure
) -> None:
    for static, media in (("x", "x-media"), ("x-static", "x")):
        configure(STATIC_ROOT=roots / static, MEDIA_ROOT=roots / media, WSGISTATIC={"media": True})
        (roots / static).mkdir()
        assert check_messages() == []


PAGE = (ROOT / "docs" / "reference" / "django.rst").read_text()


def test_every_key_is_documented() -> None:
    keys = dict(
        re.findall(
            r"^\.\. confval:: WSGISTATIC\[(.*)\]\n(?:    :type.*\n)?    :default: (.*)", PAGE, re.M
        )
    )
    media = {key: keys.pop(key) for key in list(keys) if key.startswith('"media"][')}
    assert {key.strip('"') for key in keys} == {*_OWN["STATIC"]}
    media = {key.split('"')[3]: value for key, value in media.items()}
    assert media.keys() == {*_OWN["MEDIA"], *_UPLOADS}
    assert {name: literal_eval(media[name].strip("`")) for name in _UPLOADS} == _UPLOADS


def test_every_check_is_documented() -> None:
    described = re.findall(r"^\.\. system-check:: wsgistatic\.(\w+)\n\n    \S", PAGE, re.M)
    code = "".join(inspect.getsource(module) for module in (checks, conf))
    assert described == sorted({*re.findall(r'"(?:wsgistatic\.)?([EW]\d{3})"', code)})


def test_every_option_of_runcherrypy_is_documented() -> None:
    parser = load_command_class("wsgistatic.django", "runcherrypy").create_parser("", "")
    section = PAGE.partition(".. program:: runcherrypy\n")[2].partition("System checks\n---")[0]
    described = {
        word.split()[0]
        for line in re.findall(r"^\.\. option:: (.*)", section, re.M)
        for word in line.split(", ")
    }
    base = {
        flag for action in BaseCommand().create_parser("", "")._actions for flag in flags(action)
    }
    ours = {flag for action in parser._actions for flag in flags(action)}
    assert described == ours - base | {"--skip-checks"}
    for head, text in re.findall(r"^\.\. option:: (.*)\n((?:    .*\n|\n)+)", section, re.M):
        assert "The default is " in text, head
        (example,) = re.findall(r"::\n\n        python manage\.py runcherrypy (.*)\n", text)
        assert example.split()[0] in re.split(r",? ", head) or head == "addrport"
        parser.parse_args(example.split())


def flags(action: argparse.Action) -> Sequence[str]:
    return action.option_strings or [action.dest]


def test_messages_for_static_and_media(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"stat_ttl": -1, "media": {"stat_ttl": -2}})
    assert [line.split()[0] for line in check_messages()] == ["wsgistatic.E003"] * 2


def test_media_settings_are_not_needed_without_media(roots: Path, configure: Configure) -> None:
    configure(MEDIA_URL="", MEDIA_ROOT="")
    assert check_messages() == []


def test_static_root_is_not_needed_with_finders(roots: Path, configure: Configure) -> None:
    configure(STATIC_ROOT=None, DEBUG=True)
    assert check_messages() == []
    configure(DEBUG=False, WSGISTATIC={"finders": True, "media": True})
    assert check_messages() == []


def test_static_root_that_is_created_later(roots: Path, configure: Configure) -> None:
    configure(STATIC_ROOT=roots / "later", WSGISTATIC={"check_dir": False})
    assert check_messages() == []
    app = wrap(inner_app)
    assert call(app, "/static/app.css").body == b"the app"
    (roots / "root").rename(roots / "later")
    assert call(app, "/static/app.css").body == b"body {}"


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://cdn.example/assets/", "/assets"),
        ("//cdn.example/app/assets/", "/assets"),  # below the script name
        ("https://cdn.example", ""),
    ],
)
def test_static_url_of_a_cdn(roots: Path, configure: Configure, url: str, prefix: str) -> None:
    configure(STATIC_URL=url, FORCE_SCRIPT_NAME="/app")
    assert check_messages() == []
    assert call(wrap(inner_app), prefix + "/app.css").body == b"body {}"


def test_static_url_of_a_cdn_with_a_prefix(roots: Path, configure: Configure) -> None:
    configure(STATIC_URL="https://cdn.example/static/", WSGISTATIC={"prefix": "/origin/"})
    assert check_messages() == []
    assert call(wrap(inner_app), "/origin/app.css").body == b"body {}"


FINDERS = (
    'They are in use because of DEBUG or "finders". With "finders": False, static files come from '
    "STATIC_ROOT."
)


@pytest.mark.memory_cache
def test_options_that_the_finders_ignore(roots: Path, configure: Configure) -> None:
    ignored = {"listing": True, "compress": True, "clean_urls": True, "fallback": "app.css"}
    configure(WSGISTATIC={**ignored, "index": None, "dotfiles": True})
    assert check_messages() == []
    configure(DEBUG=True)
    assert check_messages() == [
        "wsgistatic.W006 WSGISTATIC: the staticfiles finders ignore clean_urls, compress, "
        f"fallback, listing. {FINDERS}"
    ]
    configure(WSGISTATIC={**ignored, "finders": False})
    assert check_messages() == []
    configure(WSGISTATIC={"listing": False, "compress": False})
    assert check_messages() == []


OURS = "wsgistatic.django.middleware.StaticFilesMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ([SECURITY, OURS, GZIP, SESSIONS], []),
        ([OURS], []),
        (["mysite.BasicAuth", SECURITY, "mysite.Log", OURS], []),
        (["django.middleware.clickjacking.XFrameOptionsMiddleware", OURS], []),
        ([OURS, SECURITY], ["W003"]),
        ([SECURITY, GZIP, OURS], ["W004"]),
        ([SESSIONS, OURS, SECURITY], ["W003", "W004"]),
        ([GZIP, SECURITY], []),
    ],
)
def test_place_in_middleware(
    roots: Path, configure: Configure, middleware: list[str], ids: list[str]
) -> None:
    configure(MIDDLEWARE=middleware)
    messages = check_messages()
    assert [message.split()[0] for message in messages] == [f"wsgistatic.{id}" for id in ids]
    assert all("GZip" in text or "Session" in text for text in messages if "W004" in text)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from wsgistatic.django import wrap\napplication = wrap(get_wsgi_application())", True),
        ("import wsgistatic.django\napp = wsgistatic.django.wrap(app)", True),
        ("application = get_wsgi_application()", False),
        ("from other import wrap\napplication = wrap(get_wsgi_application())", False),
    ],
)
def test_middleware_together_with_wrap(
    roots: Path,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    found: bool,
) -> None:
    (roots / "a_wsgi_module.py").write_text(source + "\nraise AssertionError")
    monkeypatch.syspath_prepend(roots)
    configure(WSGI_APPLICATION="a_wsgi_module.application", MIDDLEWARE=[OURS])
    assert check_messages() == (
        [
            "wsgistatic.W005 a_wsgi_module.application uses wrap, so StaticFilesMiddleware never "
            "sees a request for a file. Use one of them. wrap is faster, but bypasses all of "
            "MIDDLEWARE."
        ]
        if found
        else []
    )


@pytest.mark.parametrize("name", [None, "", "application", "none.wsgi.app", "sys.app", "os.a.b"])
def test_wsgi_application_without_source(
    roots: Path, configure: Configure, name: str | None
) -> None:
    configure(WSGI_APPLICATION=name, MIDDLEWARE=[OURS])
    assert check_messages() == []


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["wsgistatic.django.runserver", "django.contrib.staticfiles"], False),
        (["django.contrib.staticfiles", "wsgistatic.django.runserver"], True),
        (["wsgistatic.django.runserver"], False),
    ],
)
def test_place_of_the_app_for_runserver(
    roots: Path, configure: Configure, names: list[str], found: bool
) -> None:
    configure(INSTALLED_APPS=["wsgistatic.django", *names])
    message = (
        "wsgistatic.W008 wsgistatic.django.runserver has no effect in INSTALLED_APPS after "
        "django.contrib.staticfiles. Put it before that app."
    )
    assert check_messages() == ([message] if found else [])


def test_leftovers_of_whitenoise(roots: Path, configure: Configure) -> None:
    storage = "CompressedManifestStaticFilesStorage"
    configure(
        WHITENOISE_ROOT="public",
        WHITENOISE_WIBBLE=1,
        MIDDLEWARE=["whitenoise.middleware.WhiteNoiseMiddleware"],
        STORAGES={"staticfiles": {"BACKEND": f"whitenoise.storage.{storage}"}},
    )
    messages = [
        f"{message.id} {message.msg} {message.hint}" for message in checks.check_leftovers()
    ]
    assert messages == [
        "wsgistatic.W007 MIDDLEWARE contains 'whitenoise.middleware.WhiteNoiseMiddleware'. "
        f"Use '{OURS}'.",
        f"wsgistatic.W007 STORAGES contains 'whitenoise.storage.{storage}'. "
        f"Use 'wsgistatic.django.storage.{storage}'.",
        'wsgistatic.W007 WHITENOISE_ROOT has no effect on wsgistatic. Use WSGISTATIC["root"], '
        'a path or a dict with options of its own. An index.html in it is the page of "/", unless '
        'that dict has "index": None.',
        "wsgistatic.W007 WHITENOISE_WIBBLE has no effect on wsgistatic. Remove it.",
    ]


def test_leftovers_of_servestatic(roots: Path, configure: Configure) -> None:
    configure(
        SERVESTATIC_ALLOW_UNSAFE_SYMLINKS=True,
        MIDDLEWARE=["servestatic.middleware.ServeStaticMiddleware"],
    )
    messages = [f"{message.msg} {message.hint}" for message in checks.check_leftovers()]
    assert messages == [
        f"MIDDLEWARE contains 'servestatic.middleware.ServeStaticMiddleware'. Use '{OURS}'.",
        "SERVESTATIC_ALLOW_UNSAFE_SYMLINKS has no effect on wsgistatic. "
        'Use WSGISTATIC["symlinks"] = "follow" instead of True.',
    ]


@pytest.mark.parametrize("path", checks._NAMES.values())
def test_equivalents_exist(path: str) -> None:
    (import_module if path.islower() else import_string)(path)
