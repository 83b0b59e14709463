"""The configuration of the app, which adds system checks and management commands."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from wsgistatic.django import checks


class WsgiStaticConfig(AppConfig):
    """The configuration of ``"wsgistatic.django"`` in INSTALLED_APPS."""

    name = "wsgistatic.django"
    label = "wsgistatic"  # the default would be "django"
    verbose_name = "wsgistatic"

    def ready(self) -> None:
        """Register the system checks."""
        for check in checks.CHECKS:
            register(check, "wsgistatic")
