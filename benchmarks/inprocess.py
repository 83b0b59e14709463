"""Processor time per request, without a server: ``python -m benchmarks.inprocess --help``.

What a static app itself costs, next to every peer that is installed. Bodies are drained without
``wsgi.file_wrapper``, so nothing is said here of sendfile; ``benchmarks.servers`` has that.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks import cli
from benchmarks.machine import this_machine
from benchmarks.peers import installed_peers
from benchmarks.report import Report
from benchmarks.scenarios import scenarios
from benchmarks.timing import Effort, measure
from benchmarks.tree import make_tree

_QUICK = Effort(processes=3, rounds=9)
_FULL = Effort(processes=7, rounds=40)


def main() -> None:
    """Run the benchmark."""
    peers, kinds = installed_peers(), list(scenarios())
    options = _parse([peer.key for peer in peers], [one.key for one in kinds])
    peers = [peer for peer in peers if peer.key in options.peers]
    kinds = [one for one in kinds if one.key in options.scenarios]
    effort = _QUICK if options.quick else _FULL
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        tree = make_tree(root, {one.file for one in kinds})
        figures = measure(tree, peers, [one.key for one in kinds], effort)
    report = Report(machine, effort, peers, kinds, figures)
    print(report)
    cli.write_json(options.json, report.json())
    if options.plot:
        from benchmarks.chart import draw  # noqa: PLC0415 - matplotlib only where it is wanted

        draw(report, options.plot)


def _parse(peers: list[str], kinds: list[str]) -> Any:
    parser = cli.make_parser(
        "inprocess",
        "Processor time per request of each installed static app, without a server.",
        "half a minute, rougher figures",
    )
    cli.add_choice(parser, "--peers", peers)
    cli.add_choice(parser, "--scenarios", kinds)
    options = cli.parse(parser)
    if options.plot and "whitenoise" not in options.peers:
        parser.error("--plot draws ratios to WhiteNoise: it has to be installed and chosen")
    return options


if __name__ == "__main__":
    cli.run(main)
