"""Which features each static app has, by asking it: ``python -m benchmarks.features --help``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from benchmarks import cli
from benchmarks.features.contenders import contenders
from benchmarks.features.report import FEATURES, Report, probe
from benchmarks.progress import Progress


def main() -> None:
    """Run all probes, print the table."""
    everyone = contenders()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.features",
        description="Ask each installed static app for each feature, and print a table.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all reasons there, too")
    cli.add_choice(parser, "--peers", [one.key for one in everyone])
    options = parser.parse_args()
    chosen = [one for one in everyone if one.key in options.peers]
    logging.disable()  # what an app has to say of a probe
    cells = {}
    with Progress(len(chosen) * len(FEATURES), "features") as progress:
        for contender in chosen:
            for feature in FEATURES:
                cells[feature.key, contender.key] = probe(feature, contender)
                progress.advance(f"{feature.key}, {contender.name}")
    report = Report(chosen, cells)
    print(report)
    cli.write_json(options.json, report.json())


if __name__ == "__main__":
    cli.run(main)
