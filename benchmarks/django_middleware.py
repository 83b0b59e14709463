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
_OURS = "wsgistatic.django.middleware.StaticFilesMiddleware"
_REFERENCE = "WhiteNoise"
# The middleware, and WSGISTATIC.
_ROWS: dict[str, tuple[str, dict[str, float]]] = {
    "wsgistatic": (_OURS, {}),
    "wsgistatic stat_ttl=1": (_OURS, {"stat_ttl": 1.0}),
    _REFERENCE: ("whitenoise.middleware.WhiteNoiseMiddleware", {}),
}


def _measure(root: str, rounds: int, title: str) -> Samples:
    static = {"STATIC_ROOT": root, "STATIC_URL": wsgi.PREFIX, "ALLOWED_HOSTS": ["www.example.com"]}
    settings: Any = import_module("django.conf").settings
    settings.configure(**static, ROOT_URLCONF=(), SECRET_KEY="x")
    environ, cells = make_environ(wsgi.PREFIX + wsgi.SMALL), {}
    for name, (middleware, options) in _ROWS.items():
        settings.MIDDLEWARE, settings.WSGISTATIC = [_SECURITY, middleware], options
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
    for name in _ROWS:
        ratio = samples.ratio((name,), (_REFERENCE,), "us")
        print(f"{name:22}{samples.median((name,), 'us'):6.1f} us, ratio {ratio:.2f}")


if __name__ == "__main__":
    report.run(main)
