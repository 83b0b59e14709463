"""Every row of the guide for Django runs with WhiteNoise or ServeStatic, and with wsgistatic."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from whitenoise.media_types import MediaTypes as WhiteNoiseTypes

from tests.django.conftest import Configure
from tests.django.migration.page import Row, code, equivalents, examples, run, table
from tests.django.migration.sites import (
    AFTER,
    BEFORE,
    HASHED,
    SERVESTATIC,
    Answer,
    Request,
    Site,
    add_headers,
    differences,
    normal,
    write_file,
)  # fmt: skip
from wsgistatic.django import checks
from wsgistatic.http.media_types import MediaTypes

RESPONSES = table("Responses of WhiteNoise and wsgistatic")
WHITENOISE = equivalents("Settings of WhiteNoise")
OWN = equivalents("Further settings of ServeStatic")
ROWS = [
    *(("WHITENOISE_", row) for row in WHITENOISE),
    *(("SERVESTATIC_", row) for row in WHITENOISE),
    *(("SERVESTATIC_", row) for row in OWN),
]

ZSTD = ("Accept-Encoding", "zstd")
NEW = {("/static/new.txt", "status")}
REQUESTS = [
    *(Request("GET", f"/static/{name}") for name in (
        "app.css", "data.notes", "docs/index.html", "photo.png", "docs/", "docs", "none.css",
        "new.txt", "late.txt", "unlisted.txt", "%C3%A9.txt",
    )),
    Request("GET", HASHED),
    Request("HEAD", "/static/app.css"),
    Request("GET", "/static/app.css", (("Accept-Encoding", "gzip"),)),
    Request("GET", "/static/app.css", (("Accept-Encoding", "br, gzip"),)),
    Request("GET", "/static/data.notes", (("Accept-Encoding", "br, gzip"),)),
    Request("GET", "/static/data.notes", (ZSTD,)),
    Request("GET", "/static/app.css", (("Range", "bytes=5-9"),)),
    Request("GET", "/static/app.css", (("Range", "bytes=9999-"),)),
    Request("GET", "/static/app.css", (("If-Modified-Since", "Sat, 01 Jan 2028 00:00:00 GMT"),)),
    Request("GET", "/static/photo.png", (("Accept-Encoding", "br, gzip"),)),
    Request("GET", "/origin/app.css"),
    Request("static", "app.css"),
    Request("static", "unlisted.txt"),
    *(Request("GET", f"/{name}") for name in ("robots.txt", "data.notes", ".env", "link.txt", "")),
]  # fmt: skip

# What the comparisons of the rows say, by setting. All other responses are equal.
OPTIONS_OF_ROOT = {
    ("/.env", "status"), ("/link.txt", "status"),
    ("/data.notes", "Access-Control-Allow-Origin"), ("/robots.txt", "Access-Control-Allow-Origin"),
}  # fmt: skip
DIFFERENT = {
    "ADD_HEADERS_FUNCTION": {("/static/%C3%A9.txt", "X-Url")},
    "INDEX_FILE": {("/static/docs", "status"), ("/static/docs/index.html", "status")},
    "ROOT": OPTIONS_OF_ROOT,
    "SKIP_COMPRESS_EXTENSIONS": {
        ("/static/photo.png", name) for name in ("Content-Encoding", "Content-Length", "Vary")
    },
    "USE_FINDERS": {("/static/new.txt", "status")},
    "USE_MANIFEST": {("/static/new.txt", "status")},
}
# ServeStatic serves only what is in the manifest, and its own test for immutable files wins.
UNLISTED = ("/static/unlisted.txt", "status")
SERVES_UNLISTED = ("AUTOREFRESH", "USE_MANIFEST", "USE_STATIC_ROOT", "STATIC_PREFIX")
IMMUTABLE = {(HASHED, "Cache-Control"), ("/static/photo.png", "Cache-Control")}


Prepare = Callable[..., Site]

# The answers with the default settings, by the prefix of the settings and whether a root is set.
DEFAULT_ANSWERS: dict[tuple[str, bool], list[Answer]] = {}


@pytest.fixture
def prepare(tmp_path: Path, configure: Configure) -> Prepare:
    def make(settings: dict[str, Any], root: str = "") -> Site:
        base = Path(tempfile.mkdtemp(dir=tmp_path))
        if root == "WSGISTATIC":
            settings = {**settings, root: {"root": base / "public"}}
        elif root:
            settings = {**settings, root: base / "public"}
        site = Site(base, configure, settings)
        site.prepare()
        return site

    return make


def with_options(wsgistatic: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings after the move, with WSGISTATIC and with OPTIONS of the storage."""
    storages = {**AFTER["STORAGES"]}
    storages["staticfiles"] = {**storages["staticfiles"], "OPTIONS": options}
    return {**AFTER, "STORAGES": storages, "WSGISTATIC": wsgistatic}


@pytest.mark.posix_output
@pytest.mark.parametrize(("prefix", "row"), ROWS, ids=str)
def test_row(prefix: str, row: Row, tmp_path: Path, prepare: Prepare) -> None:
    is_servestatic = prefix == "SERVESTATIC_"
    setting = re.sub("^[A-Z]+?_", "", row.name)
    base = SERVESTATIC if is_servestatic else BEFORE
    names = {"BASE_DIR": tmp_path, "add_headers": add_headers}
    for name in ("index.html", "robots.txt", "data.notes", ".env"):
        write_file(tmp_path / "public" / name, name)
    write_file(tmp_path / "secret.txt", "secret")
    (tmp_path / "public/link.txt").symlink_to(tmp_path / "secret.txt")
    given = run(row.theirs.replace("WHITENOISE_", prefix), **names)
    if row.ours == "none":
        (name,) = given
        assert name.removeprefix(prefix) not in checks._SETTINGS
        assert row.verdict == "Different"
        return
    public = {} if setting == "ROOT" else {f"{prefix}ROOT": tmp_path / "public"}
    requests = [one for one in REQUESTS if not (is_servestatic and ZSTD in one.headers)]

    key = (prefix, bool(public))
    if key not in DEFAULT_ANSWERS:  # they take a third of the time of a row
        DEFAULT_ANSWERS[key] = prepare({**base, **public}).answers(requests)
    default = DEFAULT_ANSWERS[key]
    theirs = prepare({**base, **public, **given}).answers(requests)
    # ServeStatic ignores its test, and has Zstandard only on Python 3.14.
    ignored = is_servestatic and (setting == "IMMUTABLE_FILE_TEST" or "ZSTD" in setting)
    assert ignored or differences(requests, default, theirs), "the setting has no effect"

    replaced = {} if row.ours == "not needed" else run(row.ours, **names)
    parity: dict[str, Any] = {}
    exec(examples("python")[1], {}, parity)
    options = parity["WSGISTATIC"]
    if is_servestatic:
        del options["symlinks"]
    options.update(replaced.get("WSGISTATIC", {}))
    of_root = {name: options[name] for name in options.keys() - {"finders", "prefix", "root"}}
    options.setdefault("root", {**of_root, "directory": tmp_path / "public"})
    codings = {"compress": {"codings": ["br", "gzip"]}}
    ours = prepare(with_options(options, {**codings, **replaced.get("OPTIONS", {})}))

    found = differences(requests, map(normal, theirs), map(normal, ours.answers(requests)))
    if is_servestatic:
        found = {one for one in found if one[1] != "Last-Modified"}  # it is in the manifest
    expected = set(DIFFERENT.get(setting, ()))
    assert (row.verdict == "Same") is (not expected)
    if not expected & NEW:
        found -= NEW
    if is_servestatic:
        expected -= {("/link.txt", "status")}
        expected |= IMMUTABLE if setting == "IMMUTABLE_FILE_TEST" else set()
        expected |= set() if setting in SERVES_UNLISTED else {UNLISTED}
    assert found == expected


@pytest.mark.parametrize("finders", [True, False])
def test_url_of_the_functions_behind_a_script_name(prepare: Prepare, finders: bool) -> None:
    both = (
        {**BEFORE, "WHITENOISE_ADD_HEADERS_FUNCTION": add_headers},
        {**AFTER, "WSGISTATIC": {"headers": add_headers, "finders": finders}},
    )
    for settings in both:
        prepare(settings)
        response = Client().get("/static/app.css", SCRIPT_NAME="/app")
        response.close()
        assert response["X-Url"] == "/static/app.css"


def settings_of(package: str, prefix: str) -> set[str]:
    """Return the settings that the source of a package mentions."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    source = "".join(path.read_text() for path in Path(spec.origin).parent.rglob("*.py"))
    return set(re.findall(rf"(?:settings\.|[\"'])({prefix}[A-Z_]+)", source))


def test_every_setting_has_a_row() -> None:
    rows = [row.name for row in WHITENOISE]
    assert {*rows} == settings_of("whitenoise", "WHITENOISE_")
    own = [row.name for row in OWN]
    both = {name.replace("WHITENOISE_", "SERVESTATIC_") for name in rows}
    assert both | {*own} == settings_of("servestatic", "SERVESTATIC_")
    assert sorted(rows) == rows
    assert len({*rows, *own}) == len(rows) + len(own)


@pytest.mark.parametrize("row", [*WHITENOISE, *OWN], ids=str)
def test_the_hint_of_the_check_names_the_same_equivalent(row: Row, configure: Configure) -> None:
    configure(**{row.name: 1})
    (message,) = checks.check_leftovers()
    assert message.hint is not None
    if row.ours == "none":
        assert message.hint == "Remove it."
    elif row.ours == "not needed":
        assert "Use" not in message.hint
    else:
        ((name, options),) = run(row.ours, BASE_DIR=Path(), add_headers=None).items()
        (key,) = options
        assert (f'WSGISTATIC["{key}"]' if name == "WSGISTATIC" else f'"{key}"') in message.hint


# The first table: the differences with the default settings.


def of_table(row: list[str]) -> Request:
    line, *fields = code(row[0])
    method, path = line.split(" ", 1)
    return Request(method, path, tuple(tuple(one.split(": ", 1)) for one in fields))  # type: ignore[misc]


def assert_described(answer: Answer, text: str) -> None:
    """Compare a response with a cell such as ``200``, ``Vary: x`` or ``no Vary``."""
    if text.startswith("no "):
        assert text[3:] not in answer.headers
    elif ": " in text:
        name, _, value = text.partition(": ")
        assert answer.headers[name] == value
    else:
        assert str(answer.status) == text


def default_sites(prepare: Prepare, storage: str = "") -> Iterator[Site]:
    """Prepare the two projects with default settings, one after the other."""
    for settings, root in ((BEFORE, "WHITENOISE_ROOT"), (AFTER, "WSGISTATIC")):
        storages = {**settings["STORAGES"]}
        backend = storages["staticfiles"]["BACKEND"]
        if storage:
            storages["staticfiles"] = {"BACKEND": f"{backend.rpartition('.')[0]}.{storage}"}
        yield prepare({**settings, "STORAGES": storages}, root=root)


@pytest.mark.symlinks
@pytest.mark.parametrize("row", RESPONSES, ids=lambda row: " ".join(code(row[0])))
def test_response(row: list[str], prepare: Prepare) -> None:
    for site, cell in zip(default_sites(prepare), row[1:3], strict=True):
        (answer,) = site.answers([of_table(row)])
        (text,) = code(cell)
        assert_described(answer, text)


@pytest.mark.parametrize(
    "storage", ["CompressedManifestStaticFilesStorage", "CompressedStaticFilesStorage"]
)
def test_no_other_responses_differ(prepare: Prepare, storage: str) -> None:
    theirs, ours = [site.answers(REQUESTS) for site in default_sites(prepare, storage)]
    listed = {of_table(row).path for row in RESPONSES if code(row[1])[0][:1].isdigit()}
    fields = {code(row[1])[0].removeprefix("no ").partition(":")[0] for row in RESPONSES}
    for request, one, other in zip(REQUESTS, theirs, ours, strict=True):
        if one.status != other.status:
            # Without a manifest, the hashed name is like that of a former release.
            assert request.path in {*listed, HASHED if "Manifest" not in storage else ""}
        elif one.status in (200, 206):
            names = {name for _, name in differences([request], [one], [other])}
            # The copies have other sizes, and Zstandard has none of theirs.
            assert names - {"Content-Length"} <= fields, request


def test_media_types_that_differ() -> None:
    theirs, ours = WhiteNoiseTypes(), MediaTypes()
    names = [
        name
        for name, media_type in theirs.types_map.items()
        if ours.content_type("x" * (name[0] == ".") + name).split(";")[0] != media_type
    ]
    (text,) = examples("text")
    assert sorted(names) == sorted(text.split())


def test_debug(prepare: Prepare) -> None:
    requests = [Request("GET", f"/static/{name}") for name in ("app.css", "unlisted.txt")]
    found = []
    for settings in (BEFORE, AFTER):
        site = prepare(settings)
        site.configure(DEBUG=True)
        app, unlisted = site.answers(requests)
        found.append((app.headers["Cache-Control"], unlisted.status))
    assert found == [("max-age=0, public", 200), ("no-cache", 404)]
