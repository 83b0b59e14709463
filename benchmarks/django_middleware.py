"""Processor time of a 1 KiB file through Django's WSGI handler, by the middleware that serves it.

MIDDLEWARE is SecurityMiddleware and that middleware. As in ``inprocess``, all are timed in turn in
one process, and a figure is the median of several processes.
"""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.harness import report, wsgi
from benchmarks.harness.timing import Cell, Samples, apart, time_cells
from benchmarks.harness.wsgi import call, content_of, make_environ

_SECURITY = "django.middleware.security.SecurityMiddleware"
_MIDDLEWARES = {
    "wsgistatic": "wsgistatic.django.middleware.StaticFilesMiddleware",
    "WhiteNoise": "whitenoise.middleware.WhiteNoiseMiddleware",
}


def _measure(root: str, rounds: int, title: str) -> Samples:
    static = {"STATIC_ROOT": root, "STATIC_URL": wsgi.PREFIX, "ALLOWED_HOSTS": ["www.example.com"]}
    import_module("django.conf").settings.configure(**static, ROOT_URLCONF=(), SECRET_KEY="x")
    environ, cells = make_environ(wsgi.PREFIX + wsgi.SMALL), {}
    for name, middleware in _MIDDLEWARES.items():
        override: Any = import_module("django.test").override_settings
        with override(MIDDLEWARE=[_SECURITY, middleware]):
            app = import_module("django.core.wsgi").get_wsgi_application()
        call(app, environ.copy()).expect(200, body=content_of(wsgi.SMALL))
        cells[name] = Cell(app, environ)
    time_cells([*cells.values()], rounds, title)
    samples = Samples()
    for name, cell in cells.items():
        samples.add(name, us=cell.us())
    return samples


def main() -> None:
    """Print the figures, and their ratio."""
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        wsgi.write_file(Path(root, wsgi.SMALL), content_of(wsgi.SMALL))
        for number in range(1, 6):
            samples.merge(apart(_measure, root, 40, f"process {number} of 5"))
    for name in _MIDDLEWARES:
        print(f"{name:12}{samples.median((name,), 'us'):6.1f} us")
    print(f"ratio       {samples.ratio(('wsgistatic',), ('WhiteNoise',), 'us'):7.2f}")


if __name__ == "__main__":
    report.run(main)
