"""The Django app, which adds the system checks and the management commands."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from wsgistatic.django import checks


class WsgiStaticConfig(AppConfig):
    """The app that ``"wsgistatic.django"`` in INSTALLED_APPS stands for."""

    name = "wsgistatic.django"
    label = "wsgistatic"  # the default would be "django"
    verbose_name = "wsgistatic"

    def ready(self) -> None:
        """Register the system checks."""
        for check in checks.CHECKS:
            register(check, "wsgistatic")
