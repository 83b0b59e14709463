"""The Django app, which adds the system checks and the management commands."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register

from wsgistatic.django import conf


class WsgiStaticConfig(AppConfig):
    """The app that ``"wsgistatic.django"`` in INSTALLED_APPS stands for."""

    name = "wsgistatic.django"
    label = "wsgistatic"  # the default would be "django"
    verbose_name = "wsgistatic"

    def ready(self) -> None:
        """Register the system checks."""
        register(check_settings, "wsgistatic")


def check_settings(app_configs: object = None, **options: Any) -> list[CheckMessage]:
    """Check WSGISTATIC and the settings that it depends on."""
    found: dict[str, CheckMessage] = {}
    for read in (conf.static_place, _media_place):
        try:
            read()
        except conf.SettingsError as error:
            # Test runs turn DEBUG off before the checks. STATIC_ROOT need not exist for them, so
            # that is only a warning.
            level = Warning if ".W" in error.id else Error
            found[error.message] = level(error.message, hint=error.hint, id=error.id)
    return list(found.values())


def _media_place() -> conf.Place | None:
    return conf.media_place() if conf.wants_media() else None
