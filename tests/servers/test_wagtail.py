"""A Wagtail site: its static files, uploaded images and documents, and a view that protects one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.django.projects.builder import append, run_python, run_server, write_files
from tests.django.projects.pages import Browser
from tests.servers.conftest import skip_if_missing

pytestmark = pytest.mark.servers

SETTINGS = """
SECRET_KEY = "x" * 60
ALLOWED_HOSTS = ["localhost"]
INSTALLED_APPS += ["wsgistatic.django"]
WSGISTATIC = {"media": True}
DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous = OFF"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
MIDDLEWARE = """
MIDDLEWARE.insert(1, "wsgistatic.django.middleware.StaticFilesMiddleware")
"""
WRAP = """
from wsgistatic.django import wrap
application = wrap(application)
"""
FILES = {
    # "wagtail start" writes an empty file.
    "cms/static/js/cms.js": "document.documentElement.lang;\n",
    "cms/static/css/cms.css": "body { color: black; }\n",
    "cms/private.py": """
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from wagtail.documents import get_document_model
from wsgistatic.django import file_response


@login_required(login_url="/admin/login/")
def private(request, pk):
    document = get_object_or_404(get_document_model(), pk=pk)
    return file_response(request, document.file, download_name=document.filename)
""",
    # Uploads files as an editor does, and prints their URLs and the key of the editor's session.
    "upload.py": """
import io, json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Pixels
from wagtail.documents.models import Document
from wagtail.images.models import Image

png = io.BytesIO()
Pixels.new("RGB", (64, 48), "teal").save(png, "PNG")
image = Image.objects.create(title="Sea", file=ContentFile(png.getvalue(), "Die See.png"))
report = ContentFile(b"%PDF-1.7 " + bytes(100_000), "report.pdf")
document = Document.objects.create(title="Report", file=report)
page = default_storage.save("documents/page.html", ContentFile(b"<script>alert(1)</script>"))
user = get_user_model().objects.create_user("editor")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(json.dumps({
    "image": image.file.url, "rendition": image.get_rendition("width-32").url,
    "file": document.file.url, "document": document.url, "private": f"/private/{document.pk}",
    "page": default_storage.url(page), "session": session.session_key,
}))
""",
}
URLS = """
from cms.private import private
urlpatterns.insert(0, path("private/<int:pk>", private))
"""
PDF = b"%PDF-1.7 " + bytes(100_000)
PRODUCTION = {"DJANGO_SETTINGS_MODULE": "cms.settings.production"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The site, and what its upload.py printed."""
    for module in ("gunicorn", "wagtail"):
        skip_if_missing("" if find_spec(module) else module)
    directory = tmp_path_factory.mktemp("wagtail")
    start = "from wagtail.bin.wagtail import main; main()"
    run_python(directory, "-c", start, "start", "cms", ".")
    append(directory / "cms/settings/production.py", SETTINGS)
    append(directory / "cms/urls.py", URLS)
    write_files(directory, FILES)
    run_python(directory, "manage.py", "collectstatic", "--noinput", **PRODUCTION)
    run_python(directory, "manage.py", "migrate", "-v0", **PRODUCTION)
    command = "exec(open('upload.py').read())"
    output = run_python(directory, "manage.py", "shell", "-c", command, **PRODUCTION)
    return directory, json.loads(output.splitlines()[-1])


@pytest.fixture
def uploads(project: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return project[1]


@pytest.fixture(params=["middleware", "wrap"])
def browser(
    project: tuple[Path, dict[str, Any]], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Browser]:
    directory = shutil.copytree(project[0], tmp_path / "project")
    if request.param == "middleware":
        append(directory / "cms/settings/production.py", MIDDLEWARE)
    else:
        append(directory / "cms/wsgi.py", WRAP)
    assert "no issues" in run_python(directory, "manage.py", "check", **PRODUCTION)
    command = ["-m", "gunicorn", "--bind=127.0.0.1:{port}", "--threads=4", "cms.wsgi"]
    with run_server(directory, *command, **PRODUCTION) as port:
        yield Browser(port)


def test_files_of_pages(browser: Browser) -> None:
    for page in ("/", "/admin/login/"):
        files = browser.files_of_page(page)
        files.pop("/admin/jsi18n/", None)  # a view
        assert files
        for path, response in files.items():
            browser.check_file(path, response)
            assert response.headers["Cache-Control"] == "max-age=31536000, immutable"


def test_uploads_by_url(browser: Browser, uploads: dict[str, Any]) -> None:
    for name in ("image", "rendition"):
        response = browser.request(uploads[name])
        browser.check_file(uploads[name], response)
        assert response.body.startswith(b"\x89PNG")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" not in response.headers["Cache-Control"]
    part = browser.request(uploads["file"], Range="bytes=0-7")
    assert (part.status, part.body) == (206, PDF[:8])
    page = browser.request(uploads["page"])
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert browser.request(uploads["document"]).body == PDF  # from Wagtail's own view


def test_document_of_a_view(browser: Browser, uploads: dict[str, Any]) -> None:
    path = uploads["private"]
    anonymous = browser.request(path)
    assert anonymous.status == 302
    assert anonymous.headers["Location"] == f"/admin/login/?next={path}"
    assert browser.request("/private/99", Cookie=f"sessionid={uploads['session']}").status == 404
    cookie = {"Cookie": f"sessionid={uploads['session']}"}
    whole = browser.request(path, **cookie)
    assert (whole.status, whole.body) == (200, PDF)
    assert whole.headers["Cache-Control"] == "private, no-cache"
    assert whole.headers["Content-Type"] == "application/pdf"
    assert whole.headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    part = browser.request(path, Range="bytes=-5", If_Range=whole.headers["ETag"], **cookie)
    assert (part.status, part.body) == (206, PDF[-5:])
    assert browser.request(path, If_None_Match=whole.headers["ETag"], **cookie).status == 304
    assert browser.request(path, If_None_Match=whole.headers["ETag"]).status == 302
