"""The four layers of the package: imports go downwards only."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import wsgistatic

PACKAGE = Path(wsgistatic.__file__).parent
# Each layer may import itself, the layers before it, and ``validation``, which imports nothing.
LAYERS = ("http", "files", "representations", "wsgi")
EVERYWHERE = "validation"
# ``http`` computes. It needs ``os`` for fsencode, fsdecode and name, and urandom for boundaries,
# ``sys`` for its version and modules, and the compressors' libraries.
HTTP_MAY_IMPORT = {
    "__future__", "base64", "brotli", "collections", "compression", "contextlib",
    "datetime", "fnmatch", "functools", "itertools", "os", "re", "sys", "typing", "urllib",
    "wsgistatic", "zlib", "zstandard",
}  # fmt: skip


def modules_below(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def imports_of(module: Path) -> set[str]:
    """Return what a module imports, lazily or not, as dotted names; ``a.b`` for b from a."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def dotted_name(module: Path) -> str:
    parts = module.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def own_imports(module: Path) -> set[str]:
    """Return the modules of the package that a module imports."""
    modules = {dotted_name(path) for path in modules_below("")}
    names = imports_of(module)
    return {name if name in modules else name.rpartition(".")[0] for name in names} & modules - {
        "wsgistatic"
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_the_layers_below(layer: str) -> None:
    allowed = {*LAYERS[: LAYERS.index(layer) + 1], EVERYWHERE}
    modules = modules_below(layer)
    assert modules
    for module in modules:
        for name in own_imports(module):
            assert name.split(".")[1] in allowed, f"{module.relative_to(PACKAGE)} imports {name}"


def test_what_every_layer_may_import_imports_nothing() -> None:
    assert own_imports(PACKAGE / f"{EVERYWHERE}.py") == set()


def test_no_import_is_circular() -> None:
    graph = {dotted_name(module): own_imports(module) for module in modules_below("")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_http_does_no_io_and_reads_no_clock() -> None:
    for module in modules_below("http"):
        tops = {name.partition(".")[0] for name in imports_of(module)}
        assert tops <= HTTP_MAY_IMPORT, module
        calls = {
            node.attr
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        }
        assert calls <= {"fsencode", "fsdecode", "name", "urandom"}, module


def test_only_the_wsgi_layer_knows_environ() -> None:
    for layer in LAYERS[:-1]:
        for module in modules_below(layer):
            code = ast.parse(module.read_text())
            names = {node.id for node in ast.walk(code) if isinstance(node, ast.Name)}
            arguments = {node.arg for node in ast.walk(code) if isinstance(node, ast.arg)}
            assert "environ" not in names | arguments, module
