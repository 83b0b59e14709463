"""The app's configuration."""

from django.apps import AppConfig


class RunserverConfig(AppConfig):
    """The app that ``"wsgistatic.django.runserver"`` in INSTALLED_APPS stands for."""

    name = "wsgistatic.django.runserver"
    label = "wsgistatic_runserver"
