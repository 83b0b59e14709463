"""MB/s and processor time of a 100 MiB file by block size, and with wsgi.file_wrapper.

The file is downloaded repeatedly on one connection; in process its blocks are only counted. The
second table has the processor seconds of the server for each GB. Medians of rounds in which all
servers take turns. wrapper: with file_wrapper=True.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness import charts, fleet, processes, report
from benchmarks.harness.peers import Peer, variant, versions_of
from benchmarks.harness.timing import Cell, Samples, apart, time_cells
from benchmarks.harness.wsgi import HUGE, PREFIX, SIZES, call, content_of, make_environ, write_file

_CHOSEN = ("waitress", "gunicorn")
_WRAPS = ("waitress", "gunicorn", "uwsgi")  # those whose wrapper wsgistatic ever uses


def _app(size: str, wrapper: bool) -> Peer:
    options = {"block_size": int(size.split(maxsplit=1)[0]) * 1024, "file_wrapper": wrapper}
    return variant(f"{size}{', wrapper' if wrapper else ''}", **options)


def _time_in_process(sizes: list[str], root: str, rounds: int) -> dict[str, float]:
    """Return the microseconds of a whole response by block size."""
    environ = make_environ(PREFIX + HUGE)
    cells = {}
    for size in sizes:
        app = _app(size, False).build(root)
        call(app, environ).expect(200, body=content_of(HUGE))
        cells[size] = Cell(app, environ)
    time_cells([*cells.values()], rounds, "in process")
    return {size: cell.us() for size, cell in cells.items()}


def main() -> None:
    """Run the benchmark."""
    installed = fleet.installed_servers()
    known = {key: installed[key] for key in installed if not key.startswith("nginx")}
    quick = "fewer block sizes, in half a minute"
    options = report.parse("blocks", __doc__, quick, _CHOSEN, servers=known)
    kib = (16, 64, 256, 1024) if options.quick else (16, 32, 64, 128, 256, 512, 1024)
    sizes = [f"{one} KiB" for one in kib]
    starts, rounds, downloads = (1, 3, 2) if options.quick else (3, 3, 5)
    places = {
        server.name + ", wrapper" * wrapper: (server, wrapper)
        for server in options.servers
        for wrapper in ((False, True) if server.key in _WRAPS else (False,))
    }
    pairs = [(server, _app(size, wrapper)) for server, wrapper in places.values() for size in sizes]
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        write_file(Path(root, HUGE), content_of(HUGE))
        for size, us in apart(_time_in_process, sizes, root, starts * rounds * 3).items():
            rate = SIZES[HUGE] / us * 1e6
            samples.add(HUGE, "in process", size, rate=rate, cpu=1 / rate, busy=1)
        load = partial(fleet.download, file=HUGE, times=downloads)
        fleet.measure(samples, HUGE, pairs, load, root, starts, rounds)

    def cell(figure: str, factor: float, digits: int, place: tuple[str, bool], size: str) -> str:
        value = samples.median((HUGE, place[0], _app(size, place[1]).key), figure)
        return f"{value * factor:.{digits}f}" if value else "no"

    rows = [(name, (server.key, wrapper)) for name, (server, wrapper) in places.items()]
    rows.insert(0, ("in process", ("in process", False)))
    columns = dict(zip(sizes, sizes, strict=True))
    tables = [
        report.table("MB/s by block size", rows, columns, partial(cell, "rate", 1e-6, 0)),
        report.table("Processor seconds per GB", rows, columns, partial(cell, "cpu", 1e9, 3)),
    ]
    versions = versions_of([]) | {server.name: server.version for server in options.servers}
    report.publish(options, versions, tables, samples, processes.choose_cores()[2])
    panels = [charts.lines(title, table) for title, table in tables]
    charts.draw(options, "A 100 MiB file by block size", "{python}, {cpu}.", panels, 10)


if __name__ == "__main__":
    report.run(main)
