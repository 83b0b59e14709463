"""``manage.py runserver``, with static files by wsgistatic instead of ``--nostatic``.

It extends the command of the next app that has one: that of staticfiles, or of another server.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import find_commands
from django.core.management.base import CommandParser
from django.core.management.commands import runserver

from wsgistatic.django.checks import MIDDLEWARE
from wsgistatic.django.wsgi import wrap

_APP = "wsgistatic.django.runserver"


def _next_command() -> Any:
    configs = list(apps.get_app_configs())
    own = next(config for config in configs if config.name == _APP)
    for config in configs[configs.index(own) + 1 :]:
        if "runserver" in find_commands(os.path.join(config.path, "management")):
            return import_module(f"{config.name}.management.commands.runserver").Command
    return runserver.Command


class Command(_next_command()):  # type: ignore[misc]
    """The next app's ``runserver``."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments, and make ``--nostatic`` the default with StaticFilesMiddleware."""
        super().add_arguments(parser)
        if MIDDLEWARE in settings.MIDDLEWARE:
            parser.set_defaults(use_static_handler=False)

    def get_handler(self, *args: Any, **options: Any) -> Any:
        """Return the project's WSGI app, with files in front of it if nothing else serves them."""
        handler = super().get_handler(*args, **{**options, "use_static_handler": False})
        return wrap(handler) if options.get("use_static_handler") else handler
