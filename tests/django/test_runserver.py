"""The command of the app ``wsgistatic.django.runserver``, which test_project.py also runs."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.management.commands.runserver import Command as StaticFilesCommand
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.commands.runserver import Command as PlainCommand

from tests.client import call
from tests.django.conftest import Configure
from wsgistatic.django.checks import MIDDLEWARE

APP = "wsgistatic.django.runserver"
STATIC_FILES = "django.contrib.staticfiles"


@pytest.fixture
def load(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that loads the command with these apps."""

    def load_with(apps: list[str]) -> Any:
        configure(INSTALLED_APPS=apps)
        module = f"{APP}.management.commands.runserver"
        monkeypatch.delitem(sys.modules, module, raising=False)
        return import_module(module).Command

    return load_with


@pytest.mark.parametrize(
    ("apps", "base"),
    [
        (["wsgistatic.django", APP, "django.contrib.auth", STATIC_FILES], StaticFilesCommand),
        ([STATIC_FILES, APP, "django.contrib.auth"], PlainCommand),
        ([APP], PlainCommand),
    ],
)
def test_it_extends_the_next_apps_command(load: Any, apps: list[str], base: type) -> None:
    assert load([*apps, "django.contrib.contenttypes"]).__bases__ == (base,)


@pytest.mark.parametrize(
    ("apps", "arguments", "status"),
    [([APP, STATIC_FILES], [], 200), ([APP, STATIC_FILES], ["--nostatic"], 404), ([APP], [], 404)],
)
def test_files_are_in_front_of_the_project(
    roots: Path, configure: Configure, load: Any, apps: list[str], arguments: list[str], status: int
) -> None:
    configure(MIDDLEWARE=[], WSGI_APPLICATION=None)
    command = load(apps)()
    options = vars(command.create_parser("manage.py", "runserver").parse_args(arguments))
    assert call(command.get_handler(**options), "/static/app.css").status == status


def test_middleware_serves_the_files(roots: Path, configure: Configure, load: Any) -> None:
    configure(MIDDLEWARE=[MIDDLEWARE], WSGI_APPLICATION=None)
    command = load([APP, STATIC_FILES])()
    options = vars(command.create_parser("manage.py", "runserver").parse_args([]))
    assert options["use_static_handler"] is False
    handler = command.get_handler(**options)
    assert isinstance(handler, WSGIHandler)
    assert call(handler, "/static/app.css").body == b"body {}"
