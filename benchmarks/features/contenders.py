"""The apps whose features are compared, each set up for a feature as its documentation says.

Strategy: a probe names the set-up that it wants; a peer without an option for that is asked as it
is by default, and what it then does is what its cell says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any

from benchmarks.peers import PREFIX, inner_app

Options = Mapping[str, Any]
_HASHED = r"\.[0-9a-f]{8,}\."


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to serve directories.

    Attributes:
        setups: options by the feature that wants them.
        build: makes the app; directories, the first to be asked first, and options.
        package: the module whose types are asked for.
        compress: the arguments of Python that write sidecars in a directory, which follows.
        zstd: the suffix of a stored Zstandard coding.
        django: the middleware for Django's settings.
    """

    key: str
    name: str
    distribution: str
    build: Callable[[list[str], Options], Any]
    package: str
    prefix: str = PREFIX
    setups: Mapping[str, Options] = field(default_factory=dict)
    compress: tuple[str, ...] = ()
    zstd: str = ".zst"
    django: str | None = None

    @property
    def version(self) -> str:
        """The version that is installed."""
        if self.key == "wsgistatic":  # of this checkout
            return str(import_module("wsgistatic").__version__)
        return metadata.version(self.distribution)


def contenders() -> list[Contender]:
    """Give those that are installed, in the order of the table."""
    return [one for one in _ALL if _is_installed(one)]


def _is_installed(contender: Contender) -> bool:
    try:
        return bool(contender.version)
    except metadata.PackageNotFoundError:
        return False


def _wsgistatic(directories: list[str], options: Options) -> Any:
    app: Any = None if "not_found" in options else inner_app
    if "package" in options:
        folder = import_module("importlib.resources").files(options["package"]) / "static"
        return import_module("wsgistatic").StaticFiles(app, folder, PREFIX)
    for directory in reversed(directories):
        app = import_module("wsgistatic").StaticFiles(app, directory, PREFIX, **options)
    return app


def _whitenoise(directories: list[str], options: Options) -> Any:
    return _add_files(import_module("whitenoise").WhiteNoise(inner_app, **options), directories)


def _whitenoise_autorefresh(directories: list[str], options: Options) -> Any:
    return _whitenoise(directories, {"autorefresh": True, **options})


def _servestatic(directories: list[str], options: Options) -> Any:
    return _add_files(import_module("servestatic").ServeStatic(inner_app, **options), directories)


def _add_files(app: Any, directories: list[str]) -> Any:
    for directory in reversed(directories):  # the later ones win
        app.add_files(directory, prefix=PREFIX)
    return app


def _werkzeug(directories: list[str], options: Options) -> Any:
    middleware = import_module("werkzeug.middleware.shared_data").SharedDataMiddleware
    exports = options.get("exports") or [(PREFIX.rstrip("/"), one) for one in directories]
    others = {name: value for name, value in options.items() if name != "exports"}
    return middleware(inner_app, exports, **others)


def _webob(directories: list[str], options: Options) -> Any:
    return import_module("webob.static").DirectoryApp(directories[0], **options)


def _set_header(headers: Any, path: str, url: str) -> None:
    headers["X-Own"] = "yes"


_OF_WHITENOISE: Mapping[str, Options] = {
    "index": {"index_file": True},
    "immutable": {"immutable_file_test": _HASHED},
    "headers": {"add_headers_function": _set_header},
}
_ALL = (
    Contender(
        "wsgistatic",
        "wsgistatic",
        "wsgistatic",
        _wsgistatic,
        "wsgistatic",
        setups={
            "listing": {"listing": True},
            "spa": {"fallback": "index.html"},
            "clean": {"clean_urls": True},
            "not_found": {"not_found": "404.html"},
            "immutable": {"immutable": "hashed"},
            "cors": {"allow_origin": "*"},
            "headers": {"headers": {"X-Own": "yes"}},
            "compress": {"compress": True},
            "frozen": {"stat_ttl": 3600.0},
            "content": {"etag": "content"},
            "offload": {"offload": ("X-Accel-Redirect", "/internal/")},
            "package": {"package": "zipped_assets"},
        },
        compress=("-m", "wsgistatic", "compress"),
    ),
    Contender(
        "whitenoise",
        "WhiteNoise",
        "whitenoise",
        _whitenoise,
        "whitenoise",
        setups=_OF_WHITENOISE,
        compress=("-m", "whitenoise.compress"),
        django="whitenoise.middleware.WhiteNoiseMiddleware",
    ),
    Contender(
        "whitenoise-auto",
        "autorefresh",
        "whitenoise",
        _whitenoise_autorefresh,
        "whitenoise",
        setups=_OF_WHITENOISE,
        compress=("-m", "whitenoise.compress"),
        django="whitenoise.middleware.WhiteNoiseMiddleware",
    ),
    Contender(
        "servestatic",
        "ServeStatic",
        "servestatic",
        _servestatic,
        "servestatic",
        setups=_OF_WHITENOISE,
        compress=("-m", "servestatic.compress"),
        zstd=".zstd",
        django="servestatic.middleware.ServeStaticMiddleware",
    ),
    Contender(
        "werkzeug",
        "Werkzeug",
        "Werkzeug",
        _werkzeug,
        "werkzeug",
        setups={
            "dotfiles": {"disallow": ".*"},
            "package": {"exports": {PREFIX.rstrip("/"): ("zipped_assets", "static")}},
        },
    ),
    Contender(
        "webob",
        "WebOb",
        "WebOb",
        _webob,
        "webob",
        prefix="/",
        setups={"immutable": {"cache_control": "public, max-age=31536000, immutable"}},
    ),
)
