"""Bytes and processor time of text as it is, compressed in memory, and from stored sidecars.

Texts of Python's own library, requested in process by a client that accepts the one coding.
Processor time: "ahead" is for writing the sidecar at the highest level, "first" for the first
request to a new instance, "later" for each one after that. Medians of rounds. The last table has
the bytes for a returning browser: two adjacent releases of npm packages.
"""

from __future__ import annotations

import os
import pydoc_data
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tqdm import tqdm

from benchmarks.harness import charts, report
from benchmarks.harness.peers import versions_of
from benchmarks.harness.report import figure
from benchmarks.harness.timing import Samples
from benchmarks.harness.wsgi import MIB, call, ignore_start, make_environ, need
from wsgistatic import StaticFiles
from wsgistatic.compress import Compressor
from wsgistatic.compress.deltas import Dictionaries
from wsgistatic.files.directory import single_file
from wsgistatic.http.codings import available_codings

_SETTLED = 0.03  # seconds; a younger file is not cached
_HITS = 2000
# A file of an npm package, and two of its releases.
_RELEASES = {
    "dist/vue.global.prod.js": ("vue", "3.5.20", "3.5.21"),
    "lodash.min.js": ("lodash", "4.17.20", "4.17.21"),
    "dist/css/bootstrap.min.css": ("bootstrap", "5.3.6", "5.3.7"),
}


def _measure(content: bytes, coding: str, stored: bool) -> dict[str, float]:
    """Time one way to send a text; the coding is accepted, and must be sent, unless it is ""."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        path.write_bytes(content)
        time.sleep(_SETTLED)
        ahead = 0.0
        if stored:
            compressor = Compressor(codings=[coding], min_saving=0)
            ahead = _time_ms(compressor.compress_file, path)
            time.sleep(_SETTLED)
        environ = make_environ("/text.txt", HTTP_ACCEPT_ENCODING=coding or "identity")
        compress = coding != "" and not stored
        app = StaticFiles(None, folder, compress=compress, cache_file_size=MIB)

        def request(times: int) -> None:
            for _ in range(times):
                for _ in app(environ, ignore_start):
                    pass

        first = _time_ms(request, 1)
        later = _time_ms(request, _HITS) / _HITS * 1000
        reply = call(app, environ).expect(200)
        need(reply.get("Content-Encoding") == coding, f"not sent with {coding or 'none'}")
        return {"bytes": len(reply.body), "ahead": ahead, "first": first, "later": later}


def _bytes_by_coding() -> dict[str, dict[str, int]]:
    """Return the bytes of the newer release of each file, as it is and by coding."""
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        for path, (package, *versions) in _RELEASES.items():
            files = []
            for version in versions:
                command = ["npm", "pack", "--silent", f"{package}@{version}"]
                subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
                target = Path(folder, package, version)
                shutil.unpack_archive(Path(folder, f"{package}-{version}.tgz"), target)
                files.append(single_file(str(target / "package" / path)))
            (result,) = Compressor().compress_files(files[1:], 1, Dictionaries(files[:1]))
            coded = {one.coding: one.size or 0 for one in result.sidecars}
            sizes[f"{package} {' > '.join(versions)}"] = {"as it is": result.size, **coded}
    return sizes


def _time_ms(function: Callable[..., object], argument: object) -> float:
    start = time.process_time()
    function(argument)
    return (time.process_time() - start) * 1000


def main() -> None:
    """Run the benchmark."""
    options = report.parse("codings", __doc__, "fewer rounds")
    codings = [one for one in ("gzip", "br", "zstd") if one in available_codings()]
    ways = {
        "as it is": ("", False),
        **{f"compress=True, {one}": (one, False) for one in codings},
        **{f"sidecar, {one}": (one, True) for one in codings},
    }
    library = Path(os.__file__).parent
    topics = Path(next(iter(pydoc_data.__path__)), "topics.py")
    samples = Samples()
    texts = []
    for path in (library / "stat.py", library / "argparse.py", topics):
        content = path.read_bytes()
        texts.append(f"{path.name} ({len(content) // 1024} KiB)")
        rounds = [*ways.items()] * (3 if options.quick else 15)
        for name, way in tqdm(rounds, texts[-1], leave=False, disable=None):
            samples.add(texts[-1], name, **_measure(content, *way))

    def cell(text: str, way: str, column: str) -> str:
        if column == "share":
            return f"{100 * (samples.ratio((text, way), (text, 'as it is'), 'bytes') or 0):.1f} %"
        if column == "ahead" and not ways[way][1]:
            return "-"
        return figure(samples.median((text, way), column))

    rows = [(name, name) for name in ways]
    columns = {"bytes": "bytes", "share": "share"}
    columns |= {"ahead, ms": "ahead", "first, ms": "first", "later, us": "later"}
    tables = [report.table(text, rows, columns, partial(cell, text)) for text in texts]
    sizes = _bytes_by_coding() if shutil.which("npm") else {}
    rows = [(one, one) for one in sizes]
    columns = {one: one for one in ("as it is", *codings, "dcz")}
    title = "Bytes of a new release, dcz for those who have the old one"
    releases = report.table(title, rows, columns, lambda row, one: f"{sizes[row][one]:,}")
    report.publish(options, versions_of([]), [*tables, releases], samples)
    panels = []
    for text, table in tables:
        later = {row[0]: f" bytes, {row[-1]} \N{MICRO SIGN}s" for row in table}
        panels.append(charts.bars(text, table, "bytes", later))
    note = "Beside the bars: bytes, and processor time of a later request. {python}."
    charts.draw(options, "Bytes sent, by content coding", note, panels, len(ways))


if __name__ == "__main__":
    report.run(main)
