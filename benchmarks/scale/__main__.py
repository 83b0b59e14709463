"""How cost grows, with files, ranges, responses and size: ``python -m benchmarks.scale --help``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks import cli
from benchmarks.apart import Action, apart, cost_of
from benchmarks.machine import this_machine
from benchmarks.peers import Peer, installed_peers
from benchmarks.progress import Progress
from benchmarks.scale import tasks
from benchmarks.scale.files import add_files, add_hole
from benchmarks.scale.ranges import COUNTS, FILE, SIZE, measure_ranges
from benchmarks.scale.report import Effort, Figures, Report
from benchmarks.scenarios import Unable
from benchmarks.servers.contenders import variant
from benchmarks.tree import MIB

_QUICK = Effort(files=(0, 1000, 20_000), requests=20_000, misses=20_000, rounds=5)
_FULL = Effort(files=(0, 1000, 20_000, 200_000), requests=200_000, misses=200_000, rounds=20)
_RESPONSES = 500
_LONG = ("long.bin", 50 * MIB)
_HUGE = ("huge.bin", 1024 * MIB)
_CHOSEN = ("wsgistatic", "wsgistatic-ttl", "whitenoise", "whitenoise-auto", "werkzeug", "webob")


def main() -> None:
    """Run the benchmark."""
    options, peers = _parse()
    effort = _QUICK if options.quick else _FULL
    machine, figures, most = this_machine(), Figures(), max(COUNTS)
    with (
        tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as many,
        tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as few,
    ):
        for name, size in (_LONG, _HUGE, (FILE, SIZE)):
            add_hole(few, name, size)
        steps = (len(effort.files) + 4) * len(peers) + 1
        with Progress(steps, "scale") as progress:
            _Run(peers, figures, progress).all(many, few, effort)
            ranged = [one for one in peers if one.key != "wsgistatic-ttl"]  # the same code
            if any(one.key == "wsgistatic" for one in peers):
                ranged.insert(1, variant(f"wsgistatic max_ranges={most}", max_ranges=most))
            figures.ranges = apart(measure_ranges, ranged, few, effort.rounds)
            progress.advance("ranges")
    report = Report(machine, effort, peers, ranged, figures)
    print(report)
    cli.write_json(options.json, report.json())
    if options.plot:
        from benchmarks.scale.chart import draw  # noqa: PLC0415 - matplotlib where wanted

        draw(report, options.plot)


class _Run:
    """Measures everything of every peer."""

    def __init__(self, peers: list[Peer], figures: Figures, progress: Progress) -> None:
        self._peers = peers
        self._figures = figures
        self._progress = progress

    def all(self, many: str, few: str, effort: Effort) -> None:
        present = 0
        for count in effort.files:
            add_files(many, present, count)
            present = count
            self._measure(f"start:{count}", tasks.start, many)
        self._measure("files", tasks.files, many, effort.requests)
        self._measure("misses", tasks.misses, many, effort.misses)
        self._measure("responses", tasks.responses, few, _LONG[0], _RESPONSES)
        self._measure("drain", tasks.drain, few, *_HUGE)

    def _measure(self, what: str, task: Callable[..., Action], *arguments: Any) -> None:
        for peer in self._peers:
            try:
                cost = cost_of(task, peer, *arguments)
            except Unable as reason:
                self._figures.unable[what, peer.key] = str(reason)
            else:
                self._figures.costs[what, peer.key] = cost
            self._progress.advance(f"{what}, {peer.name}")


def _parse() -> tuple[Any, list[Peer]]:
    parser = cli.make_parser(
        "scale",
        "How the cost of each installed static app grows: files, ranges, responses, size. It takes "
        "some ten minutes.",
        "a minute and a half: fewer files, requests and rounds",
    )
    peers = installed_peers()
    known = [peer.key for peer in peers]
    cli.add_choice(parser, "--peers", known, [key for key in known if key in _CHOSEN])
    options = cli.parse(parser)
    return options, [peer for peer in peers if peer.key in options.peers]


if __name__ == "__main__":
    cli.run(main)
