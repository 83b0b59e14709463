"""The same project with WhiteNoise, ServeStatic and wsgistatic, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import Client
from django.urls import path as route

from tests.conftest import OLD, settle
from tests.django.conftest import Configure
from tests.django.migration.page import diff
from wsgistatic.http.codings import CODINGS

CSS = "body { color: navy }\n" * 40
HASHED = "/static/app.c4cd21f091bc.css"
SECURITY = "django.middleware.security.SecurityMiddleware"

urlpatterns = [route("page", lambda request: HttpResponse("page"))]

BEFORE, AFTER = ({}, {})  # type: dict[str, Any], dict[str, Any]
for _text, _settings in zip(diff(), (BEFORE, AFTER), strict=True):
    exec(_text, {}, _settings)
SERVESTATIC = {
    **BEFORE,
    "INSTALLED_APPS": ["servestatic", "django.contrib.staticfiles"],
    "MIDDLEWARE": [SECURITY, "servestatic.middleware.ServeStaticMiddleware"],
    "STORAGES": {
        "default": BEFORE["STORAGES"]["default"],
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    },
}


@dataclass
class Answer:
    """A response, or the name of the exception that was raised instead."""

    status: int | str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def write_file(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (OLD, OLD))


@dataclass
class Site:
    """A project in a directory of its own, with the settings of one of the peers."""

    base: Path
    configure: Configure
    settings: dict[str, Any]

    def prepare(self) -> None:
        """Write the sources, and collect them."""
        for name, content in (
            ("assets/app.css", CSS),
            ("assets/data.notes", "notes\n" * 100),
            ("assets/docs/index.html", "<p>docs</p>"),
            ("assets/small.js", "go();\n" * 20),
            ("assets/photo.png", bytes(3000)),
            ("assets/é.txt", "e acute"),
            ("assets/deleted.txt", "deleted"),
            ("public/index.html", "<p>public</p>"),
            ("public/robots.txt", "User-agent: *"),
            ("public/data.notes", "notes"),
            ("public/.env", "SECRET=1"),
            ("public/.well-known/security.txt", "Contact: x"),
            ("secret.txt", "secret"),
        ):
            write_file(self.base / name, content)
        (self.base / "public/link.txt").symlink_to(self.base / "secret.txt")
        self.configure(
            DEBUG=False,
            ALLOWED_HOSTS=["testserver"],
            ROOT_URLCONF=__name__,
            STATIC_URL="/static/",
            STATIC_ROOT=self.base / "collected",
            STATICFILES_DIRS=[self.base / "assets"],
            STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            **self.settings,
        )
        call_command("collectstatic", interactive=False, verbosity=0)
        for path in (self.base / "collected").rglob("*"):
            os.utime(path, (OLD, OLD))  # Django writes hashed files again
        write_file(self.base / "assets/late.txt", "not collected")
        write_file(self.base / "collected/unlisted.txt", "not in the manifest")
        settle()  # until then, ETags are weak

    @property
    def collected(self) -> set[str]:
        """The names in STATIC_ROOT."""
        root = self.base / "collected"
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    def answers(self, requests: Iterable[Request]) -> list[Answer]:
        """Start the project, change its files, and return the responses."""
        client = Client()
        client.get("/static/app.css").close()
        for root in ("assets", "collected"):
            write_file(self.base / root / "new.txt", "new")
            (self.base / root / "deleted.txt").unlink(missing_ok=True)
        return [_answer(client, request) for request in requests]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


def _answer(client: Client, request: Request) -> Answer:
    if request.method == "static":
        try:
            return Answer(200, body=static(request.path).encode())
        except ValueError as error:
            return Answer(type(error).__mro__[-4].__name__)
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers}
    try:
        response: Any = client.generic(request.method, request.path, **fields)  # type: ignore[arg-type]
    except Exception as error:
        return Answer(type(error).__name__)
    body = b"".join(response)  # ServeStatic's has no getvalue
    response.close()
    return Answer(response.status_code, dict(response.items()), body)


# What these change in each response, or in its spelling, is in the guide's first table.
_DROPPED = (
    "Accept-Ranges",
    "Access-Control-Expose-Headers",
    "ETag",
    "X-Content-Type-Options",
)


def normal(answer: Answer) -> Answer:
    """Return a response without the differences that the guide lists for all of them."""
    headers = {name: value for name, value in answer.headers.items() if name not in _DROPPED}
    for name, old, new in (
        ("Cache-Control", "max-age=315360000", "max-age=31536000"),
        ("Cache-Control", ", public", ""),
        ("Content-Type", '"', ""),
    ):
        if name in headers:
            headers[name] = headers[name].replace(old, new)
    if answer.status in (304, 416):  # there, wsgistatic sends the fields of the options, too
        names = ("Cache-Control", "Vary") if answer.status == 304 else ("Content-Range",)
        headers = {name: headers[name] for name in names if name in headers}
    body = answer.body
    if "Content-Encoding" in headers:  # each writes the copies in its own way
        del headers["Content-Length"]
        body = b"".join(CODINGS[headers["Content-Encoding"]].decode([body]))
    return Answer(answer.status, headers, body)


def differences(
    requests: Iterable[Request], theirs: Iterable[Answer], ours: Iterable[Answer]
) -> set[tuple[str, str]]:
    """Return the paths and the names of the fields that differ, or "status" or "body"."""
    found = set()
    for request, one, other in zip(requests, theirs, ours, strict=True):
        names = {
            name
            for name in {*one.headers, *other.headers}
            if one.headers.get(name) != other.headers.get(name)
        }
        names |= {"status"} if one.status != other.status else set()
        if not names and one.body != other.body:
            names = {"body"}
        found |= {(request.path, "status" if "status" in names else name) for name in names}
    return found


AddHeaders = Callable[[Any, str, str], None]


def add_headers(headers: Any, path: str, url: str) -> None:
    headers["X-Url"] = url
    headers["X-Name"] = os.path.basename(path)
    if path.endswith(".png"):
        del headers["Cache-Control"]
        headers.add_header("Content-Disposition", "attachment", filename="photo.png")
