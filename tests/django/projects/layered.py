"""A project with a package of settings for each environment, laid out as by cookiecutter-django.

It has moved from WhiteNoise to wsgistatic.
"""

from __future__ import annotations

from pathlib import Path

from tests.django.projects.builder import write_files

_BASE = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve(strict=True).parent.parent.parent
APPS_DIR = BASE_DIR / "bookclub"

DEBUG = False
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en-us"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        "ATOMIC_REQUESTS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

DJANGO_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django.forms",
]
THIRD_PARTY_APPS = ["wsgistatic.django"]
LOCAL_APPS = ["bookclub.readers"]
INSTALLED_APPS = DJANGO_APPS + THIRD_PARTY_APPS + LOCAL_APPS

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "wsgistatic.django.middleware.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

STATIC_ROOT = str(BASE_DIR / "staticfiles")
STATIC_URL = "/static/"
STATICFILES_DIRS = [str(APPS_DIR / "static")]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
MEDIA_ROOT = str(APPS_DIR / "media")
MEDIA_URL = "/media/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(APPS_DIR / "templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.template.context_processors.i18n",
                "django.template.context_processors.media",
                "django.template.context_processors.static",
                "django.template.context_processors.tz",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
X_FRAME_OPTIONS = "DENY"
"""
_LOCAL = """
from .base import *
from .base import INSTALLED_APPS

DEBUG = True
SECRET_KEY = "local"
ALLOWED_HOSTS = ["localhost", "0.0.0.0", "127.0.0.1"]
INSTALLED_APPS = ["wsgistatic.django.runserver", *INSTALLED_APPS]
INTERNAL_IPS = ["127.0.0.1", "10.0.2.2"]
"""
_PRODUCTION = """
import os

from .base import *

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = os.environ["DJANGO_ALLOWED_HOSTS"].split(",")
CONN_MAX_AGE = 60
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
MEDIA_URL = "https://bucket.example/media/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "wsgistatic.django.storage.CompressedManifestStaticFilesStorage",
        "OPTIONS": {"exclude": ["admin/js/vendor"]},  # takes seconds, and no test requests it
    },
}
"""
_TEST = """
from .base import *

SECRET_KEY = "test"
TEST_RUNNER = "django.test.runner.DiscoverRunner"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_URL = "http://media.testserver/"
DATABASES["default"]["NAME"] = ":memory:"
# The test runner turns DEBUG off, but the tests should not need collectstatic.
WSGISTATIC = {"finders": True}
"""
_TESTS = """
import urllib.request

from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import LiveServerTestCase, TestCase


class StaticFilesTests(TestCase):
    def test_files(self):
        self.assertContains(self.client.get("/"), 'href="/static/css/project.css"')
        response = self.client.get("/static/css/project.css")
        self.assertEqual(response.status_code, 200)
        self.assertIn(b"font-face", response.getvalue())
        self.assertEqual(self.client.get("/static/nope.css").status_code, 404)

    async def test_files_with_the_async_client(self):
        response = await self.async_client.get("/static/css/project.css")
        self.assertContains(response, "font-face")


class WithMiddleware(LiveServerTestCase):
    def test_file(self):
        with urllib.request.urlopen(self.live_server_url + "/static/admin/css/base.css") as file:
            self.assertEqual(file.headers["X-Content-Type-Options"], "nosniff")
            self.assertIn(b"--primary", file.read())


class WithTheHandlerOfDjango(StaticLiveServerTestCase):
    def test_file(self):
        with urllib.request.urlopen(self.live_server_url + "/static/admin/css/base.css") as file:
            self.assertIn(b"--primary", file.read())
"""
_WSGI = """
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
application = get_wsgi_application()
"""
_ASGI = """
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
django_application = get_asgi_application()


async def websocket_application(scope, receive, send):
    await receive()
    await send({"type": "websocket.close"})


async def application(scope, receive, send):
    if scope["type"] == "http":
        await django_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket_application(scope, receive, send)
    else:
        raise NotImplementedError(f"Unknown scope type {scope['type']}")
"""
_URLS = """
from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [
    path("", TemplateView.as_view(template_name="pages/home.html"), name="home"),
    path("admin/", admin.site.urls),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
"""
_FILES: dict[str, str | bytes] = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "config/__init__.py": "",
    "config/settings/__init__.py": "",
    "config/settings/base.py": _BASE,
    "config/settings/local.py": _LOCAL,
    "config/settings/production.py": _PRODUCTION,
    "config/settings/test.py": _TEST,
    "config/urls.py": _URLS,
    "config/wsgi.py": _WSGI,
    "config/asgi.py": _ASGI,
    "bookclub/__init__.py": "",
    "bookclub/readers/__init__.py": "",
    "bookclub/readers/tests.py": _TESTS,
    "bookclub/media/cover.png": b"\x89PNG\r\n\x1a\n" + bytes(60),
    "bookclub/static/css/project.css": """
@font-face { font-family: Club; src: url("../fonts/club.woff2") format("woff2"); }
.alert-debug { color: black; background-color: white; border-color: #d6e9c6; }
.alert-error { color: #b94a48; background-color: #f2dede; border-color: #eed3d7; }
""",
    "bookclub/static/fonts/club.woff2": b"wOF2" + bytes(range(200)),
    "bookclub/static/js/project.js": "/* Project specific JavaScript goes here. */\n" * 9,
    "bookclub/static/images/favicons/favicon.ico": bytes((0, 0, 1, 0)) + bytes(200),
    "bookclub/templates/base.html": """
{% load static i18n %}<!doctype html>
{% get_current_language as LANGUAGE_CODE %}
<html lang="{{ LANGUAGE_CODE }}">
<link rel="icon" href="{% static 'images/favicons/favicon.ico' %}">
<link href="{% static 'css/project.css' %}" rel="stylesheet">
<script defer src="{% static 'js/project.js' %}"></script>
{% block content %}{% endblock content %}
""",
    "bookclub/templates/pages/home.html": "{% extends 'base.html' %}",
}


def make_layered_project(directory: Path) -> Path:
    """Write the project; return its directory."""
    write_files(directory, _FILES)
    return directory
