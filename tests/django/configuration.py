"""Configure Django in this process, once for all tests."""

from __future__ import annotations

import django
from django.conf import settings

from tests.django.project import APPS


def configure_django() -> None:
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="x",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.django.urls",
        INSTALLED_APPS=APPS,
        STATIC_URL="/static/",
        SILENCED_SYSTEM_CHECKS=["admin.E403", "admin.E408", "admin.E409", "admin.E410"],
    )
    django.setup()
