"""Processor time per request, without a server: ``python -m benchmarks.inprocess --help``.

What a static app itself costs, next to every peer that is installed. Bodies are drained without
``wsgi.file_wrapper``, so nothing is said here of sendfile; ``benchmarks.servers`` has that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
    if options.json:
        options.json.write_text(json.dumps(report.json(), indent=1) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks.chart import draw  # noqa: PLC0415 - matplotlib only where it is wanted

        draw(report, options.plot)


def _parse(peers: list[str], kinds: list[str]) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inprocess",
        description="Processor time per request of each installed static app, without a server.",
    )
    parser.add_argument("--quick", action="store_true", help="half a minute, rougher figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a chart (matplotlib)")
    for name, known in (("--peers", peers), ("--scenarios", kinds)):
        parser.add_argument(
            name,
            type=_some_of(known),
            default=known,
            metavar="A,B",
            help=f"only these of {', '.join(known)}",
        )
    options = parser.parse_args()
    if options.plot and "whitenoise" not in options.peers:
        parser.error("--plot draws ratios to WhiteNoise: it has to be installed and chosen")
    if options.plot and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    return options


def _some_of(known: Sequence[str]) -> Any:
    def parse(value: str) -> list[str]:
        chosen = value.split(",")
        unknown = [one for one in chosen if one not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return chosen

    return parse


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
