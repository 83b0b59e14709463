"""What every command line here has: ``--quick``, ``--json``, ``--plot``, choices, a clean end."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any


def make_parser(name: str, description: str, quick: str) -> argparse.ArgumentParser:
    """Make the parser of ``python -m benchmarks.NAME`` with the options that all have."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a chart (matplotlib)")
    return parser


def add_choice(
    parser: argparse.ArgumentParser,
    option: str,
    known: Sequence[str],
    default: Sequence[str] | None = None,
) -> None:
    """Add an option that takes some of the known names, separated by commas."""
    usual = f"; otherwise {', '.join(default)}" if default and list(default) != list(known) else ""
    parser.add_argument(
        option,
        type=_some_of(known),
        default=list(known if default is None else default),
        metavar="A,B",
        help=f"only these of {', '.join(known)}{usual}",
    )


def parse(parser: argparse.ArgumentParser) -> Any:
    """Parse; a chart that cannot be drawn is an error now, not after the figures are made."""
    options = parser.parse_args()
    if options.plot and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    return options


def write_json(path: Path | None, values: dict[str, Any]) -> None:
    """Write the figures where they were asked for."""
    if path is not None:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def run(main: Callable[[], None]) -> None:
    """Run a benchmark; Ctrl-C and kill end it by way of everything's clean-up."""
    for ending in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), _end)
    # A shell ignores SIGINT in what it runs in the background, and Python then keeps it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _some_of(known: Sequence[str]) -> Any:
    def some_of(value: str) -> list[str]:
        chosen = value.split(",")
        unknown = [one for one in chosen if one not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return chosen

    return some_of
