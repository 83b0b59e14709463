"""Settings of a Django project that ASGI servers run; the environment holds what varies."""

from __future__ import annotations

import json
import os
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "x"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = __name__
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "wsgistatic.django.middleware.StaticFilesMiddleware",
]
STATIC_URL = "static/"
STATIC_ROOT = os.environ["TEST_STATIC_ROOT"]
FORCE_SCRIPT_NAME = os.environ.get("TEST_SCRIPT_NAME")
WSGISTATIC: dict[str, Any] = json.loads(os.environ.get("TEST_WSGISTATIC", "{}"))


async def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"the page")


urlpatterns = [path("", page)]
