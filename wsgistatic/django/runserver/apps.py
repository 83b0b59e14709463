"""The configuration of the app."""

from django.apps import AppConfig


class RunserverConfig(AppConfig):
    """The configuration of ``"wsgistatic.django.runserver"`` in INSTALLED_APPS."""

    name = "wsgistatic.django.runserver"
    label = "wsgistatic_runserver"
