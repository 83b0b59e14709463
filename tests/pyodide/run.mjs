// Runs pytest on the CPython of pyodide, which Node executes:
//
//     node tests/pyodide/run.mjs PYODIDE PROJECT PACKAGES [ARGUMENTS OF PYTEST]
//
// PYODIDE is the installed npm package, PROJECT the checkout, and PACKAGES a folder made by
// "pip install --target". The paths must be absolute.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [distribution, project, packages, ...options] = process.argv.slice(2);
const { loadPyodide } = await import(`${distribution}/pyodide.mjs`);
const pyodide = await loadPyodide();
pyodide.mountNodeFS("/project", project);
pyodide.mountNodeFS("/packages", packages);
// Files in pyodide's own file system are in memory, where sparse ones of 4 GiB do not fit.
const temporary = mkdtempSync(join(tmpdir(), "pyodide-"));
pyodide.FS.rmdir("/tmp");
pyodide.mountNodeFS("/tmp", temporary);
pyodide.globals.set("options", pyodide.toPy(options));
try {
    process.exitCode = pyodide.runPython(`
import os, sys

os.chdir("/project")
sys.path[:0] = ["/project", "/packages"]
sys.dont_write_bytecode = True
import pytest

print("Python", sys.version)
int(pytest.main(["-p", "tests.pyodide.plugin", "-p", "no:cacheprovider", *options]))
`);
} finally {
    rmSync(temporary, { recursive: true });
}
