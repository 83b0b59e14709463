"""A 100 MiB file in blocks of each size, with the server's file wrapper and without.

In process first, the file's bytes only counted; then under servers, where the blocks are sent.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks import cli
from benchmarks.apart import apart
from benchmarks.blocks.inprocess import time_apps
from benchmarks.blocks.report import Effort, Place, Report
from benchmarks.machine import this_machine
from benchmarks.peers import Peer
from benchmarks.progress import Progress
from benchmarks.scenarios import Unable
from benchmarks.servers import load
from benchmarks.servers.contenders import variant
from benchmarks.servers.figures import Figures, Round, measure
from benchmarks.servers.kinds import Server, installed_servers
from benchmarks.servers.launch import Fleet, Running
from benchmarks.servers.processes import choose_cores
from benchmarks.tree import HUGE, SIZES, Tree, make_tree

_QUICK = Effort(kib=(16, 64, 256, 1024), starts=1, rounds=3, downloads=2)
_FULL = Effort(kib=(16, 32, 64, 128, 256, 512, 1024), starts=3, rounds=3, downloads=5)
_CHOSEN = ("waitress", "gunicorn")
_WRAPS = ("waitress", "gunicorn", "uwsgi")  # those whose wrapper wsgistatic ever uses
_IN_PROCESS = Place("in process", "in process")


def main() -> None:
    """Run the benchmark."""
    options, servers = _parse()
    effort = _QUICK if options.quick else _FULL
    machine, cores, figures = this_machine(), choose_cores(), Figures()
    places = [_IN_PROCESS] + [
        Place(server.key, str(server), server.key in _WRAPS) for server in servers
    ]
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        tree = make_tree(root, {HUGE})
        plain = {size: _app(size, wrapper=False) for size in effort.kib}
        for size, us in apart(time_apps, plain, tree, effort.starts * effort.rounds * 3).items():
            seconds = us / 1e6
            key = (_IN_PROCESS.key, plain[size].key)
            figures.rounds[key] = [Round(SIZES[HUGE] / seconds, seconds / SIZES[HUGE], 1)]
        for number in range(1, effort.starts + 1 if servers else 1):
            with Fleet(cores) as fleet:
                running = _start(fleet, tree, servers, effort, figures)
                title = f"start {number} of {effort.starts}" if effort.starts > 1 else "blocks"
                _measure(running, effort, figures, title)
    report = Report(machine, str(cores), effort, places, figures)
    print(report)
    cli.write_json(options.json, report.json())
    if options.plot:
        from benchmarks.blocks.chart import draw  # noqa: PLC0415 - matplotlib where wanted

        draw(report, options.plot)


def _app(kib: int, wrapper: bool) -> Peer:
    return variant(f"{kib} KiB", block_size=kib * 1024, file_wrapper=wrapper)


def _start(
    fleet: Fleet, tree: Tree, servers: list[Server], effort: Effort, figures: Figures
) -> dict[tuple[str, str], Running]:
    running = {}
    for server in servers:
        for size in effort.kib:
            for wrapper in (False, True) if server.key in _WRAPS else (False,):
                app = _app(size, wrapper)
                key = (server.key, app.key)
                if key not in figures.unable:
                    running[key] = fleet.start_app(server, app.key, app.prefix, tree)
    with Progress(len(running), "starting") as progress:
        for key, one in list(running.items()):
            try:
                fleet.settle(one, HUGE, tree)
            except Unable as reason:
                figures.fail(key, reason)
                del running[key]
            progress.advance(key[0])
    fleet.pin_load()
    return running


def _measure(
    running: dict[tuple[str, str], Running], effort: Effort, figures: Figures, title: str
) -> None:
    def download(one: Running) -> load.Load:
        return load.download(one.port, one.prefix + HUGE, SIZES[HUGE], effort.downloads)

    with Progress(effort.rounds * len(running), title) as progress:
        measure(figures, running, download, effort.rounds, progress)


def _parse() -> tuple[Any, list[Server]]:
    servers = installed_servers()
    parser = cli.make_parser(
        "blocks",
        "MB/s and processor time of a 100 MiB file by block size, and with wsgi.file_wrapper.",
        "half a minute, fewer sizes",
    )
    known = [server.key for server in servers]
    cli.add_choice(parser, "--servers", known, [key for key in known if key in _CHOSEN])
    options = cli.parse(parser)
    return options, [server for server in servers if server.key in options.servers]


if __name__ == "__main__":
    cli.run(main)
