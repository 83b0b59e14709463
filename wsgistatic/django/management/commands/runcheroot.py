"""``manage.py runcheroot``: another name for ``runcherrypy``."""

from wsgistatic.django.management.commands.runcherrypy import Command

__all__ = ["Command"]
