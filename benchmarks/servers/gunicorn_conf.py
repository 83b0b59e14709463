"""gunicorn's settings, which it reads by itself; those that a version does not know it ignores."""

from __future__ import annotations

from benchmarks.servers.kinds import THREADS

workers = 1
worker_class = "gthread"
threads = THREADS
timeout = 0
keepalive = 30  # as the others, instead of 2 s
loglevel = "warning"
control_socket_disable = True  # it would be in the home directory
