"""The Django app: it brings the system checks and the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register

from wsgistatic.django import conf


class WsgiStaticConfig(AppConfig):
    """``"wsgistatic.django"`` in INSTALLED_APPS."""

    name = "wsgistatic.django"
    label = "wsgistatic"  # the last part of the name would be "django"
    verbose_name = "wsgistatic"

    def ready(self) -> None:
        """Register the checks."""
        register(check_settings, "wsgistatic")


def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **options: Any
) -> list[CheckMessage]:
    """Check WSGISTATIC and the settings that it goes with."""
    found: dict[str, CheckMessage] = {}
    for read in (conf.static_place, _media_place):
        try:
            read()
        except conf.SettingsError as error:
            # A test run turns DEBUG off and checks; there needs to be no STATIC_ROOT for that.
            level = Warning if ".W" in error.id else Error
            found[error.message] = level(error.message, hint=error.hint, id=error.id)
    return list(found.values())


def _media_place() -> None:
    if conf.wants_media():
        conf.media_place()
        conf.sends_attachments()
