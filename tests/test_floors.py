"""Imports go downwards only: the house plan as a test."""

from __future__ import annotations

import ast
from pathlib import Path

import wsgistatic

PACKAGE = Path(wsgistatic.__file__).parent
# From the ground up; a module imports only from what stands before it.
# fmt: off
PROTOCOL = (
    "ranges", "multipart", "dates", "entity_tags", "preconditions", "plan",
    "paths", "media_types", "negotiation", "digests", "content_disposition", "hashed_names",
    "accept", "entry", "listing_page",
)
FILES = (
    "faults", "watch", "version", "beneath", "directory", "reasons", "range_file", "body",
    "representation", "custom_headers", "immutable", "policy", "scan",
    "sidecars", "selection", "content_digest", "describer", "catalog", "keeper",
    "compressors", "compression",
    "shared_file", "sources", "zip_members", "traversables",
)
WSGI = (
    "events", "checks", "options", "file_wrapper", "answers", "responses", "offload", "responder",
    "source_responder", "listing", "site", "finder", "observer", "middleware",
    "downloads", "find_source", "fileapp",
)
FACES = (
    "presets",
    "compressible", "drafts", "file_versions", "originals", "compress",
    "commands/__init__", "commands/streams", "commands/progress", "commands/report",
    "commands/compress", "commands/options", "commands/explanation", "commands/explain",
    "paste", "access", "servers", "__main__", "__init__",
)
# fmt: on
ORDER = (*PROTOCOL, *FILES, *WSGI, *FACES)
# A face with rooms of its own, which nothing else may enter.
DJANGO = (
    *("storage", "conf", "checks", "manifest", "finders", "media", "wsgi", "__init__", "apps"),
    *("management/__init__", "management/commands/__init__"),
    *("management/commands/runcherrypy", "management/commands/runcheroot"),
)
# No I/O and no clock below the files floor; os only for fsencode and fsdecode.
PROTOCOL_MAY_IMPORT = {
    "__future__", "calendar", "collections", "itertools", "datetime", "email", "html",
    "json", "os", "re", "base64", "secrets", "typing", "urllib", "wsgistatic",
}  # fmt: skip


def imports_of(module: str) -> set[str]:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_every_module_has_its_place() -> None:
    modules = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in _sources()}
    assert modules == set(ORDER)


def _sources() -> list[Path]:
    return [*PACKAGE.glob("*.py"), *PACKAGE.glob("commands/*.py")]


def test_imports_go_downwards() -> None:
    for place, module in enumerate(ORDER):
        ours = {
            name.partition(".")[2].replace(".", "/")
            for name in imports_of(module)
            if "wsgistatic." in name
        }
        assert ours <= set(ORDER[:place]), module


def test_django_is_a_face() -> None:
    folder = PACKAGE / "django"
    modules = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.py")}
    assert modules == set(DJANGO)
    for place, module in enumerate(DJANGO):
        for name in imports_of(f"django/{module}"):
            package, _, ours = name.partition(".")
            if name == "wsgistatic.django":  # "from wsgistatic.django import conf"
                assert place > DJANGO.index("conf"), module
            elif ours.startswith("django."):
                assert ours.partition(".")[2].replace(".", "/") in DJANGO[:place], module
            elif package == "wsgistatic":
                assert ours.replace(".", "/") in ORDER, module


def test_protocol_code_does_no_io() -> None:
    for module in PROTOCOL:
        tops = {name.partition(".")[0] for name in imports_of(module)}
        assert tops <= PROTOCOL_MAY_IMPORT, module
        text = (PACKAGE / f"{module}.py").read_text()
        uses = {
            line.strip() for line in text.splitlines() if "os." in line and "import" not in line
        }
        assert all("os.fsencode" in line or "os.fsdecode" in line for line in uses), module


def test_files_code_knows_no_environ() -> None:
    for module in (*PROTOCOL, *FILES):
        assert "environ" not in (PACKAGE / f"{module}.py").read_text(), module
