"""The documentation: every example runs unchanged, and the option tables match the code."""

from __future__ import annotations

import gzip
import inspect
import json
import os
import re
import shlex
import sys
import textwrap
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import wsgistatic
from tests.client import call_raw, make_environ
from tests.conftest import OLD, gzip_of_size
from tests.documents import DOCUMENTATION, ROOT, code_blocks, passage
from tests.fresh_process import run_script
from tests.walkthrough import INSTALL, Walkthrough
from wsgistatic import FileApp, Reason, serve_file
from wsgistatic.__main__ import main
from wsgistatic.http.media_types import _TYPES, _WELL_KNOWN, MediaTypes
from wsgistatic.wsgi.options import ARGUMENTS, FILE_OPTIONS, FILES, OPTIONS

EXAMPLES = {
    block.options["name"]: block.text
    for block in code_blocks(DOCUMENTATION)
    if "name" in block.options and block.language in ("python", "ini")
}
SETTINGS = sorted(name for name in EXAMPLES if "settings" in name)

SETTINGS_BEFORE = """
from pathlib import Path

BASE_DIR = Path.cwd()
INSTALLED_APPS = []
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
SECRET_KEY = "x"
ROOT_URLCONF = "mysite.urls"
ALLOWED_HOSTS = ["*"]
"""

# Requests to each example's application: path, Range, expected status and body.
REQUESTS: dict[str, list[tuple[str, str, int, str]]] = {
    "plain": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "django": [
        ("/static/hello.txt", "bytes=1-2", 206, "el"),
        ("/media/upload.txt", "", 200, "upload"),
        ("/", "", 200, "the app"),
    ],
    "django_nested": [
        ("/static/hello.txt", "bytes=1-2", 206, "el"),
        ("/media/upload.txt", "", 200, "upload"),
        ("/", "", 200, "the app"),
    ],
    "flask": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "flask_build_only": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "pyramid": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "bottle": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "cherrypy": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "falcon": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "webpy": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "webob": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "pastedeploy": [
        ("/static/hello.txt", "bytes=1-2", 206, "el"),
        ("/static/README", "", 200, "read me"),
        ("/", "", 200, "the app"),
    ],
    "readme_wsgi": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "readme_flask": [("/static/hello.txt", "", 200, "hello"), ("/static/nope", "", 404, "")],
    "readme_file": [("/any", "bytes=-2", 206, "lo")],
    "sample_app": [("/", "", 200, "the app"), ("/nope", "", 404, "")],
    "alone": [("/static/hello.txt", "", 200, "hello"), ("/static/x", "", 404, "")],
    "nested": [("/static/hello.txt", "", 200, "theme"), ("/static/only.txt", "", 200, "only")],
    "vite": [("/static/assets/main-DvdbUMjN.js", "", 200, "title"), ("/", "", 200, "DvdbUMjN.js")],
    "preload": [("/static/assets/main-DvdbUMjN.js", "", 200, "title"), ("/", "", 200, "DvdbUMjN")],
    **{
        name: [
            ("/", "", 200, "/static/hello.59e174877744.txt"),
            ("/static/hello.59e174877744.txt", "bytes=1-2", 206, "el"),
            ("/static/hello.0123456789ab.txt", "", 200, "hello"),
        ]
        for name in (
            *("fingerprints", "fingerprints_flask", "fingerprints_pyramid", "fingerprints_bottle"),
        )
    },
    "sidecars": [("/static/hello.txt", "", 200, "hello")],
    "offload": [("/static/hello.txt", "", 200, ""), ("/", "", 200, "the app")],
    "mod_wsgi": [("/static/hello.txt", "", 200, "hello"), ("/", "", 200, "the app")],
    "origin": [("/static/hello.txt", "", 200, "hello"), ("/static/nope", "", 404, "")],
    "metrics": [("/static/hello.txt", "", 200, "hello"), ("/metrics", "", 200, "static_bytes 5")],
    "video": [("/static/hello.txt", "bytes=-2", 206, "lo")],
    "private_download": [("/invoices/7", "", 403, "")],
    "private_flask": [("/report", "bytes=-2", 206, "lo"), ("/report", "", 200, "hello")],
    "export": [("/any", "bytes=0-3", 206, "name"), ("/any", "", 200, "hello.txt;5")],
    "fileapp": [("/any", "bytes=-2", 206, "lo")],
    "view": [("/report", "bytes=-2", 206, "lo"), ("/report", "", 200, "hello")],
    "sources": [("/any", "bytes=0-3", 206, "name"), ("/any", "", 200, "hello.txt;5")],
    "package": [("/static/hello.txt", "bytes=-2", 206, "ed"), ("/static/x", "", 404, "")],
    "listing": [("/static/", "", 200, '"hello.txt"'), ("/static", "", 301, "")],
    "spa": [("/shop/index.html", "", 200, "Shop"), ("/shop/x.css", "", 404, "")],
    "spa_with_app": [
        ("/index.html", "", 200, "Shop"),
        ("/", "", 200, "Shop"),
        ("/api/users/99", "", 404, ""),
    ],
    "site": [
        ("/about", "", 200, "about"),
        ("/about.html", "", 301, ""),
        ("/nope", "", 404, "Nothing here"),
    ],
    "caching": [("/static/hello.txt", "", 200, "hello")],
    "compressed": [("/static/hello.txt", "", 200, "hello")],
    "compress": [("/static/hello.txt", "", 200, "hello")],
    "dictionaries": [("/static/hello.txt", "", 200, "hello")],
    "release": [
        ("/static/hello.txt", "", 200, "hello"),
        ("/static/nope", "", 404, ""),
        ("/", "", 200, "the app"),
    ],
    "observe": [("/static/hello.txt", "", 200, "hello"), ("/static/x", "", 404, "")],
    "uploads": [("/media/upload.txt", "bytes=0-1", 206, "up")],
    "isolated": [("/static/hello.txt", "", 200, "hello")],
    "stored_codings": [("/hello.txt", "", 200, "hello")],
    "media_types": [("/hello.txt", "", 200, "hello")],
    "origins": [("/static/hello.txt", "bytes=0-1", 206, "he")],
    "helpers": [("/", "bytes=5-7", 206, "567"), ("/", "bytes=5000-", 416, ""), ("/", "", 200, "")],
}

# The module that an example needs, where it is not named like the example.
NEEDED = {
    "fingerprints_flask": "flask",
    "fingerprints_pyramid": "pyramid",
    "fingerprints_bottle": "bottle",
    "django_nested": "django",
    "flask_build_only": "flask",
    "private_download": "bottle",
    "private_flask": "flask",
    "readme_flask": "flask",
    "webpy": "web",
    "pastedeploy": "paste.deploy",
    "view": "bottle",
}
# The distribution of a module or a program, where it has another name.
DISTRIBUTIONS = {
    "wsgistatic": ".",
    "web": "web.py",
    "webob": ".",
    "waitress-serve": "waitress",
    "flask": "flask",
    "pserve": "pyramid",
    "uvicorn": "uvicorn",
    "django-admin": "django",
}
OPTIONAL = {"django", "flask", "pyramid", "bottle", "cherrypy", "falcon", *NEEDED}

LOAD_INI = """
from paste.deploy import loadapp
application = loadapp("config:site.ini", relative_to=".")
"""

RUN = """
import json, sys
from webob import Request
__file__ = "wsgi.py"
exec(compile(sys.argv[2], "example", "exec"), globals())
answers = []
for path, value, _, _ in json.loads(sys.argv[1]):
    response = Request.blank(path, headers={"Range": value} if value else {}).get_response(
        application)
    answers.append([response.status_int, response.text])
print(json.dumps(answers))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the files that the examples expect."""
    for name, content in (
        ("static/hello.txt", "hello"),
        ("static/only.txt", "only"),
        ("static/README", "read me"),
        ("public/about.html", "about"),
        ("public/404.html", "Nothing here"),
        ("frontend/dist/index.html", "Shop"),
        ("dist/assets/main-DvdbUMjN.js", "title"),
        ("dist/.vite/manifest.json", '{"src/main.js": {"file": "assets/main-DvdbUMjN.js"}}'),
        ("theme/hello.txt", "theme"),
        ("media/upload.txt", "upload"),
        ("mysite/__init__.py", ""),
        ("mysite/settings.py", SETTINGS_BEFORE + EXAMPLES["settings"]),
        ("mysite/app.py", EXAMPLES["sample_app"]),
        ("mysite/main.py", EXAMPLES["pastedeploy_app"]),
        ("mysite/urls.py", "from django.http import HttpResponse\nfrom django.urls import path\n"
         "urlpatterns = [path('', lambda request: HttpResponse('the app'))]\n"),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as packages:
        packages.writestr("mypackage/__init__.py", "")
        packages.writestr("mypackage/static/hello.txt", "zipped")
    return tmp_path


def test_every_example_gets_requests() -> None:
    assert EXAMPLES.keys() == REQUESTS.keys() | {
        *SETTINGS,
        "private_django",
        "get_ranges",
        "pastedeploy_app",
    }


def check(project: Path, *arguments: str) -> str:
    """Return the errors of Django's command ``check`` for a project."""
    code = "from django.core.management import execute_from_command_line as run; run()"
    command = ["check", "--settings", "mysite.settings", *arguments]
    done = run_script(code, *command, cwd=project)
    return done.stderr if done.returncode else ""


@pytest.mark.fork
@pytest.mark.parametrize("name", SETTINGS)
def test_settings(project: Path, name: str) -> None:
    pytest.importorskip("django")
    (project / "mysite/settings.py").write_text(SETTINGS_BEFORE + EXAMPLES[name])
    (project / "staticfiles").mkdir()
    assert check(project, "--fail-level", "WARNING") == ""


@pytest.mark.fork
@pytest.mark.parametrize("name", REQUESTS)
def test_example(project: Path, name: str) -> None:
    if name in OPTIONAL:
        pytest.importorskip(NEEDED.get(name, name))
    code = EXAMPLES[name].replace("/srv/static", "static").replace("/srv/project/", "")
    if name == "pastedeploy":
        (project / "site.ini").write_text(code)
        code = LOAD_INI
    done = run_script(RUN, json.dumps(REQUESTS[name]), code, cwd=project)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])  # CherryPy logs its requests first
    for (path, _, status, body), answer in zip(REQUESTS[name], answers, strict=True):
        assert answer[0] == status, path
        assert body in answer[1]


PAGES = [*(ROOT / "docs/start").glob("*.rst"), *(ROOT / "docs/howto").glob("*.rst")]
WALKS = sorted(
    page.relative_to(ROOT / "docs").as_posix()
    for page in PAGES
    if any(block.language == "console" for block in code_blocks(page.read_text()))
)


@pytest.mark.slow
@pytest.mark.programs
@pytest.mark.parametrize("page", sorted(set(WALKS) - {"howto/asgi.rst"}))  # needs tests/servers
def test_following_a_page(tmp_path: Path, page: str) -> None:
    if page.startswith("howto/"):
        Walkthrough("howto/index.rst", tmp_path).follow()  # the sample project
    assert Walkthrough(page, tmp_path).follow() > 0


@pytest.mark.parametrize("page", WALKS)
def test_a_page_installs_what_it_uses(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    if "sample-project" in text or "sample.txt" in text:
        text += (ROOT / "docs/howto/index.rst").read_text()
    blocks = code_blocks(text)
    shown = "".join(block.text for block in blocks if block.language == "console")
    installs = " ".join(re.findall(rf"{INSTALL} (.*)", shown)).lower()
    files = [block for block in blocks if "caption" in block.options]
    own = {Path(block.options["caption"]).parts[0].removesuffix(".py") for block in files}
    code = "".join(block.text for block in files if block.language == "python")
    modules = {*re.findall(r"^(?:from|import) (\w+)", code, re.M)}
    used = modules - own - set(sys.stdlib_module_names)
    used |= {DISTRIBUTIONS[name] for name in DISTRIBUTIONS if f"$ {name} " in shown}
    missing = {DISTRIBUTIONS.get(name, name) for name in used} - {
        *re.split(r"[\s\"\[\]]+", installs)
    }
    assert missing == set()


@pytest.mark.fork
def test_a_private_download_with_django(project: Path) -> None:
    pytest.importorskip("django")
    (project / "private").mkdir()
    (project / "private/7-12.pdf").write_text("%PDF")
    installed = 'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]\n'
    (project / "mysite/settings.py").write_text(SETTINGS_BEFORE + installed)
    code = f"""import django
django.setup()
{EXAMPLES["private_django"]}
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
request = RequestFactory().get("/", headers={{"Range": "bytes=1-"}})
for request.user in (AnonymousUser(), User(pk=7)):
    print(invoice(request, 12).status_code)
"""
    done = run_script(code, cwd=project, variables={"DJANGO_SETTINGS_MODULE": "mysite.settings"})
    assert done.stdout.split() == ["302", "206"], done.stderr


@pytest.mark.posix_output
def test_a_request_cannot_forge_a_line_of_the_log(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(project)
    names: dict[str, Any] = {"__name__": "observe"}
    exec(compile(EXAMPLES["observe"], "README.rst", "exec"), names)
    call_raw(names["application"], make_environ("/static/x\n[INFO] \x1b[0m", "G\x1b"))
    assert caplog.messages == [r"'G\x1b /static/x\n[INFO] \x1b[0m': does not exist"]


def described(page: str) -> dict[str, dict[str, str]]:
    """Return the sections of a reference page, and the default of each value described there."""
    text = (ROOT / "docs" / "reference" / page).read_text()
    sections: dict[str, dict[str, str]] = {}
    for title, section in re.findall(r"^(\w.*)\n-+\n((?:.*\n(?!-+\n))*)", text, re.M):
        pattern = r"^\.\. confval:: (.*)\n    :type: .+\n    :default: (?:``(.*)``|required)$"
        sections[title] = dict(re.findall(pattern, section, re.M))
    return sections


def test_every_option_is_described_in_its_section() -> None:
    expected: dict[str, dict[str, str]] = {}
    for name, option in (ARGUMENTS | OPTIONS).items():
        default = "" if name == "directory" else repr(option.default).replace("'", '"')
        expected.setdefault(option.section, {})[name] = default
    expected[FILES]["app"] = ""  # required, as the directory
    assert described("options.rst") == expected


def test_the_options_of_sources_are_described() -> None:
    options = described("sources.rst")["Options"]
    options["offload"] = options.pop("offload (of FileApp)")
    for function in (FileApp, serve_file):
        parameters = inspect.signature(function).parameters.values()
        defaults = {
            each.name: repr(each.default) for each in parameters if each.default != each.empty
        }
        assert {name: value.replace('"', "'") for name, value in options.items()} == defaults


def test_the_other_options_of_sources_are_listed() -> None:
    sentence = passage("options of ``StaticFiles`` for a single file:", "``encodings`` defaults")
    assert {*re.findall(r":confval:`(\w+)`", sentence)} == FILE_OPTIONS.keys()


@pytest.mark.parametrize("page", ["options.rst", "sources.rst"])
def test_the_examples_of_options(project: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(project)
    (project / "static/index.html").write_text("index")
    text = (ROOT / "docs" / "reference" / page).read_text()
    names = {name: getattr(wsgistatic, name) for name in wsgistatic.__all__}
    names |= {"app": FileApp(b""), "Path": Path, "__file__": str(project / "wsgi.py")}
    tried = set()
    for name, block in re.findall(r"^\.\. confval:: (\w+).*\n((?:    .*\n|\n)+)", text, re.M):
        _, is_there, example = block.partition("    .. code-block:: python\n")
        if is_there:
            assert f"{name}=" in example or name in ("app", "directory")
            exec(compile(textwrap.dedent(example), name, "exec"), names)
            tried.add(name)
    assert tried == {*re.findall(r"^\.\. confval:: (\w+)", text, re.M)}


@pytest.mark.fork
def test_every_setting_has_a_type_a_default_and_an_example(project: Path) -> None:
    pytest.importorskip("django")
    (project / "frontend/dist/assets").mkdir()
    text = (ROOT / "docs" / "reference" / "django.rst").read_text()
    pattern = (
        r"^\.\. confval:: (.+)\n    :type: .+\n    :default: .+\n\n"
        r"(?:    .*\n|\n)*?    \.\. code-block:: python\n((?:        .*\n|\n)+)"
    )
    examples = re.findall(pattern, text, re.M)
    assert [name for name, _ in examples] == re.findall(r"^\.\. confval:: (.+)$", text, re.M)
    for name, example in examples:
        assert all(f'"{key}"' in example for key in re.findall(r'"(\w+)"', name))
        settings = SETTINGS_BEFORE + EXAMPLES["settings"] + textwrap.dedent(example)
        (project / "mysite/settings.py").write_text(settings)
        assert check(project) == ""


def test_every_reason_is_described() -> None:
    text = (ROOT / "docs" / "reference" / "events.rst").read_text()
    pattern = r'^\.\. attribute:: wsgistatic\.Reason\.(\w+)\n    :value: "(.*)"\n\n    \S'
    described = re.findall(pattern, text, re.M)
    assert described == [(reason.name, reason.value) for reason in Reason]


def test_every_media_type_is_listed() -> None:
    text = (ROOT / "docs" / "reference" / "media-types.rst").read_text()
    lists = text.partition("The built-in table\n---")[2]
    whole, known, coded = (lists.index(title) for title in ("Whole names", "Names in", "Stored in"))
    types = MediaTypes(charset=None)
    listed = set()
    for entry in re.finditer(r"^- ``(\S+)``(?: with .*)?:((?:\s+``\S+``)+)$", lists, re.M):
        for name in re.findall(r"``(\S+)``", entry[2]):
            above = ".well-known/" if known < entry.start() < coded else ""
            assert types.content_type(above + name) == entry[1], name
            listed.add(above + name)
        assert (types.coding(name) is not None) == (entry.start() > coded)
        assert name.startswith(".") is not (whole < entry.start() < coded)
    assert listed == _TYPES.keys() | {f".well-known/{name}" for name in _WELL_KNOWN}


def test_helpers_are_public() -> None:
    sentence = passage("The helpers are", ". Importing")
    names = re.findall(r"``(\w+)``", sentence)
    assert len(names) > 8
    assert set(names) <= set(wsgistatic.__all__)


def test_quoted_reasons_are_values_of_reason() -> None:
    sentence = passage("``refused`` gives the reason:", " and so on")
    quoted = re.findall(r'``"(.*?)"``', sentence)
    assert len(quoted) > 4
    assert set(quoted) <= {reason.value for reason in Reason}


def test_the_console_script_is_the_module() -> None:
    (script,) = distribution("wsgistatic").entry_points.select(
        group="console_scripts", name="wsgistatic"
    )
    assert script.load() is main


def test_the_lines_for_views_are_tested() -> None:
    tested = (Path(__file__).parent / "frameworks" / "apps.py").read_text()
    section = passage("In a view of", ":name: view")
    lines = re.findall(r"``(return .*?)``", section)
    assert len(lines) == 2
    assert all(line in tested for line in lines)


@pytest.mark.posix_output
def test_the_output_of_explain(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, size, modified in (("app.js", 5000, OLD), ("app.js.gz", 2000, OLD),
                                 ("app.js.br", 1000, OLD - 1)):  # fmt: skip
        content = gzip_of_size(gzip.compress(bytes(5000)), size) if ".gz" in name else bytes(size)
        (project / "static" / name).write_bytes(content)
        os.utime(project / "static" / name, (modified, modified))
    block = passage("    $ wsgistatic explain static /static/app.js", "\n2. Read")
    command, *lines = textwrap.dedent(block).splitlines()
    monkeypatch.chdir(project)
    assert main(shlex.split(command)[2:]) == 0
    assert capsys.readouterr().out.replace(str(project), "/srv/mysite").splitlines() == lines
