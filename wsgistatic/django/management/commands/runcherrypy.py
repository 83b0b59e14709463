"""``manage.py runcherrypy``: the project on cheroot, CherryPy's server, for desk and intranet.

Strategy: as ``runserver`` does it (checks, migrations, Django's own reloader), with threads,
keep-alive, and static files and uploads beside the app.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connections
from django.utils import autoreload

from wsgistatic.django.wsgi import wrap_all
from wsgistatic.servers import (
    DEFAULT_THREADS,
    AccessLog,
    BoundServer,
    bind_cheroot,
    describe_bind_error,
    port_number,
    run,
    url_host,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9a-fA-F:.]+\]):)?(?P<port>[0-9]+)")
_DEFAULT_HOST, _DEFAULT_PORT = "127.0.0.1", 8000

logger = logging.getLogger("django.server")  # where runserver logs its requests


class Command(BaseCommand):
    """Serve the project until interrupted."""

    help = "Serves the project with cheroot: app, static files and uploads, many threads."
    requires_system_checks = ()  # made at each reload

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "addrport",
            nargs="?",
            type=_address,
            default=(None, _DEFAULT_PORT),
            help="port, or address:port; or by these two:",
        )
        add("-H", "--host", help=f"address to listen on ({_DEFAULT_HOST})")
        add("-p", "--port", type=port_number, help=f"port ({_DEFAULT_PORT}); 0 finds a free one")
        add("--threads", type=_threads, default=DEFAULT_THREADS, help="requests at a time")
        add(
            "--reload",
            action=argparse.BooleanOptionalAction,
            help="start again when the code changes; without either: as DEBUG is",
        )
        add("--noreload", dest="reload", action="store_false", help=argparse.SUPPRESS)
        add("--skip-checks", action="store_true", help="skip the system checks")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        if find_spec("cheroot") is None:
            raise CommandError('runcherrypy needs cheroot: pip install "wsgistatic[serve]"')
        if not settings.DEBUG and not settings.ALLOWED_HOSTS:
            raise CommandError("ALLOWED_HOSTS must be set where DEBUG is False.")
        reload = settings.DEBUG if options["reload"] is None else options["reload"]
        if reload:
            self._serve_with_reloader(options)
        else:
            run(self._bind(self._application(options), options), self._say)

    def _serve_with_reloader(self, options: dict[str, Any]) -> None:
        """Serve in a process that Django starts anew; this one, the parent, says the end."""
        is_parent = os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true"
        try:
            autoreload.run_with_reloader(self._serve_in_thread, options)
        except SystemExit as ended:
            if ended.code:
                raise
        if is_parent:
            self._say("Stopped.")

    def _serve_in_thread(self, options: dict[str, Any]) -> None:
        autoreload.raise_last_exception()
        try:
            app = self._application(options)
        except CommandError as error:  # the next change may put it right
            self.stderr.write(str(error))
            return
        try:
            server = self._bind(app, options)
        except CommandError as error:
            self.stderr.write(str(error))
            os._exit(1)  # a thread can end the process in no other way
        server.serve()

    def _application(self, options: dict[str, Any]) -> WSGIApplication:
        if not options["skip_checks"]:
            self.check(display_num_errors=True)
        self.check_migrations()
        connections.close_all()
        try:
            return wrap_all(get_internal_wsgi_application())
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None

    def _bind(self, app: WSGIApplication, options: dict[str, Any]) -> BoundServer:
        host, port = options["addrport"]
        host = options["host"] or host or _DEFAULT_HOST
        port = options["port"] if options["port"] is not None else port
        try:
            # Django has its own limits for bodies, and files that are uploaded go to the disk.
            server = bind_cheroot(
                AccessLog(app, logger.info), host, port, options["threads"], largest_body=0
            )
        except (OSError, ValueError) as error:
            raise CommandError(describe_bind_error(error, host, port)) from None
        self._say(
            f"Serving {settings.SETTINGS_MODULE} at http://{url_host(host)}:{server.port}/ "
            f"with {server.name}. Ctrl-C stops."
        )
        return server

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _address(text: str) -> tuple[str | None, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"it takes a port, or address:port, not {text!r}")
    host = match["host"]
    return host and host.strip("[]"), port_number(match["port"])


def _threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 1000):
        raise argparse.ArgumentTypeError(f"threads are 1 to 1000, not {text!r}")
    return int(text)
