"""A Django project on disk, whose manage.py runs in subprocesses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server_process import ServerProcess

APPS = [
    "wsgistatic.django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

_SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
DEBUG = True
ALLOWED_HOSTS = ["*"]
USE_TZ = True
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
STATICFILES_DIRS = [BASE_DIR / "assets", ("vendor", BASE_DIR / "node_modules")]
MEDIA_URL = "media/"
MEDIA_ROOT = BASE_DIR / "media"
"""

_FILES = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "mysite/__init__.py": "",
    "mysite/settings.py": f"INSTALLED_APPS = {[*APPS, 'shop']}\n{_SETTINGS}",
    "mysite/wsgi.py": """
import os
from django.core.wsgi import get_wsgi_application
from wsgistatic.django import wrap
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = wrap(get_wsgi_application())
""",
    "mysite/urls.py": """
from django.contrib import admin
from django.urls import path
from shop import views
urlpatterns = [
    path("", views.home), path("meet/", views.meet), path("upload/", views.upload),
    path("admin/", admin.site.urls),
]
""",
    "shop/__init__.py": "",
    "shop/views.py": """
import threading
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

both = threading.Barrier(2)

def home(request):
    return render(request, "shop/home.html", {"word": "first"})

@csrf_exempt
def upload(request):
    return HttpResponse(str(len(request.body)))

def meet(request):
    both.wait(timeout=15)
    return HttpResponse("met")
""",
    "shop/templates/shop/home.html": "{% load static %}{{ word }} {% static 'shop/app.css' %}\n",
    "shop/static/shop/app.css": "body { background: url(paper.png) }\n",
    "shop/static/shop/paper.png": "png\n",
    "assets/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "node_modules/lib.js": "lib()\n",
    "media/upload.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
}


@dataclass
class Project:
    directory: Path

    def append_settings(self, text: str) -> None:
        with (self.directory / "mysite/settings.py").open("a") as file:
            file.write(f"\n{text}\n")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), cwd=self.directory, env=_environment(),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def run_server(self, *arguments: str) -> ServerProcess:
        """Run a ``manage.py`` command that starts a server; to be used in a ``with`` statement."""
        return ServerProcess(self._command(*arguments), cwd=self.directory, env=_environment())

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a ``manage.py`` command whose output goes where the options say."""
        return subprocess.Popen(
            self._command(*arguments), cwd=self.directory, env=_environment(),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
            **options,
        )  # fmt: skip

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "ignore", "-u", "manage.py", *arguments]


def make_project(directory: Path) -> Project:
    for name, content in _FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Project(directory)


def _environment() -> dict[str, str]:
    package = str(Path(__file__).parent.parent.parent)
    return {**os.environ, "PYTHONPATH": package, "DJANGO_SETTINGS_MODULE": "mysite.settings"}
