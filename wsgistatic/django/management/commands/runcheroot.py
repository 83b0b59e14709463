"""``manage.py runcheroot``: ``runcherrypy`` by the name of what serves."""

from __future__ import annotations

from wsgistatic.django.management.commands.runcherrypy import Command

__all__ = ["Command"]
