"""``manage.py runcherrypy``: serve the project with cheroot, for development and intranets.

Like ``runserver`` it runs the system checks, looks for unapplied migrations and uses Django's
reloader. Unlike ``runserver`` it has a pool of threads and keep-alive connections.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    OutputWrapper,
)
from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connections
from django.utils import autoreload

from wsgistatic import servers
from wsgistatic.django.wsgi import wrap_without_offload
from wsgistatic.servers.streams import background_output, wait_for_output

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9a-fA-F:.]+\]):)?(?P<port>[0-9]+)")

logger = logging.getLogger("django.server")  # runserver logs its requests there


class Command(BaseCommand):
    """Serve the project until interrupted."""

    help = "Serves the project's app, static files and, if enabled, uploads with cheroot."
    requires_system_checks = ()  # each reload runs them

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        add = parser.add_argument
        help = "port or address:port to listen on; --host and --port take precedence"
        add("addrport", nargs="?", type=_address, default=(None, servers.DEFAULT_PORT), help=help)
        add("-H", "--host", help=f"address to listen on (default: {servers.DEFAULT_HOST})")
        help = f"port (default: {servers.DEFAULT_PORT}); 0 finds a free one"
        add("-p", "--port", type=servers.port_number, help=help)
        help = f"number of requests handled at a time (default: {servers.DEFAULT_THREADS})"
        add("--threads", type=_threads, default=servers.DEFAULT_THREADS, help=help)
        help = "restart when the code changes (default: if DEBUG is on)"
        add("--reload", action=argparse.BooleanOptionalAction, help=help)
        add("--noreload", dest="reload", action="store_false", help=argparse.SUPPRESS)
        add("--skip-checks", action="store_true", help="skip the system checks")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        if find_spec("cheroot") is None:
            raise CommandError('runcherrypy needs cheroot: pip install "wsgistatic[serve]"')
        if not settings.DEBUG and not settings.ALLOWED_HOSTS:
            raise CommandError("ALLOWED_HOSTS must be set if DEBUG is False.")
        with background_output():
            if options.get("stdout") is None:
                self.stdout = OutputWrapper(sys.stdout)
            if settings.DEBUG if options["reload"] is None else options["reload"]:
                self._serve_with_reloader(options)
            else:
                servers.run(lambda: self._bind(self._application(options), options), self._print)

    def _serve_with_reloader(self, options: dict[str, Any]) -> None:
        """Serve in a child process, which Django restarts."""
        is_parent = os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true"
        try:
            autoreload.run_with_reloader(self._serve_in_thread, options)
        except SystemExit as error:
            if error.code:
                raise
        servers.ignore_signals()
        if is_parent:
            self._print("Stopped.")

    def _serve_in_thread(self, options: dict[str, Any]) -> None:
        autoreload.raise_last_exception()
        app = None
        try:
            app = self._application(options)
            server = self._bind(app, options)
        except CommandError as error:
            self.stderr.write(str(error))
            if app is not None:
                wait_for_output()
                os._exit(1)  # a thread has no other way to end the process
            return  # the next change may fix the settings
        server.serve()

    def _application(self, options: dict[str, Any]) -> WSGIApplication:
        if not options["skip_checks"]:
            self.check(display_num_errors=True)
        self.check_migrations()
        connections.close_all()
        try:
            return wrap_without_offload(get_internal_wsgi_application())
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None

    def _bind(self, app: WSGIApplication, options: dict[str, Any]) -> servers.BoundServer:
        host, port = options["addrport"]
        host = options["host"] or host or servers.DEFAULT_HOST
        port = options["port"] if options["port"] is not None else port
        log = servers.AccessLog(app, logger.info)
        try:
            # Django limits the size of bodies itself, and writes uploaded files to disk.
            server = servers.bind_cheroot(log, host, port, options["threads"], largest_body=0)
        except (OSError, ValueError) as error:
            raise CommandError(servers.describe_bind_error(error, host, port)) from None
        self._print(servers.announcement(settings.SETTINGS_MODULE, server, host))
        return server

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _address(text: str) -> tuple[str | None, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a port or address:port, not {text!r}")
    host = match["host"]
    return host and host.strip("[]"), servers.port_number(match["port"])


def _threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"threads must be from 1 to 1000, not {text!r}")
    return int(text)
