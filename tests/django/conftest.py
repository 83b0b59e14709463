"""Fixtures that configure Django in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tests.conftest import age
from tests.django.configuration import configure_django
from tests.django.project import Project, make_project


@pytest.fixture(scope="session", autouse=True)
def configured_django() -> None:
    configure_django()


Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Override settings for the rest of the test."""
    with ExitStack() as stack:

        def override(**values: Any) -> None:
            stack.enter_context(override_settings(**values))
            # Django 4.2 derives this setting from STORAGES, and then prefers it to STORAGES.
            vars(settings._wrapped).pop("STATICFILES_STORAGE", None)

        yield override


@pytest.fixture
def roots(tmp_path: Path, configure: Configure) -> Path:
    """Create STATIC_ROOT and MEDIA_ROOT with some files, and turn DEBUG off."""
    for name, content in (
        ("root/app.css", "body {}"),
        ("root/docs/index.html", "<p>docs</p>"),
        ("media/photo.jpg", "photo"),
        ("media/page.html", "<script>alert(1)</script>"),
        ("media/drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ):
        write(tmp_path / name, content)
    configure(
        DEBUG=False,
        STATIC_ROOT=tmp_path / "root",
        MEDIA_ROOT=tmp_path / "media",
        MEDIA_URL="/media/",
    )
    return tmp_path


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    age(path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)
