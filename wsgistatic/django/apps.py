"""The Django app: it brings the system checks and the commands."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from wsgistatic.django.checks import check_settings


class WsgiStaticConfig(AppConfig):
    """``"wsgistatic.django"`` in INSTALLED_APPS."""

    name = "wsgistatic.django"
    label = "wsgistatic"  # the last part of the name would be "django"
    verbose_name = "wsgistatic"

    def ready(self) -> None:
        """Register the checks."""
        register(check_settings, "wsgistatic")
