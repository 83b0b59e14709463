"""The command line of a benchmark, and the report of its run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.harness.charts import Rows
from benchmarks.harness.processes import usable_cores
from benchmarks.harness.timing import Samples

Table = tuple[str, Rows]  # title and rows


def parse(
    name: str, doc: str, quick: str, usual: Sequence[str] = (), **choices: Mapping[str, Any]
) -> Any:
    """Parse the command line of ``python -m benchmarks.NAME``.

    The description is the first paragraph of ``doc``. Without ``quick``, the help for that option,
    there is no --plot either. Each of ``choices`` is an option for a list of keys, by default those
    that are ``usual``, or all if none is.
    """
    description, _, method = doc.partition("\n\n")
    program = f"python -m benchmarks.{name}"
    parser = argparse.ArgumentParser(program, description=description, allow_abbrev=False)
    parser.set_defaults(machine=_describe_machine(), method=method.replace("``", ""))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    if quick:
        parser.add_argument("--quick", action="store_true", help=quick)
        parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a chart (matplotlib)")
    for option, known in choices.items():
        default = [key for key in known if key in usual] or [*known]
        text = f"only these of {', '.join(known)} (default: {', '.join(default)})"
        parser.add_argument(f"--{option}", metavar="A,B", default=",".join(default), help=text)
    options = parser.parse_args()
    for option, known in choices.items():
        chosen = getattr(options, option).split(",")
        if unknown := set(chosen) - {*known, ""}:
            parser.error(f"--{option}: {', '.join(unknown)}: not one of {', '.join(known)}")
        setattr(options, option, [value for key, value in known.items() if key in chosen])
    if quick and options.plot and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    return options


def run(main: Callable[[], None]) -> None:
    """Run a benchmark so that Ctrl-C and kill leave through every clean-up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    # A shell lets its background jobs ignore SIGINT, and Python then does the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def _describe_machine() -> dict[str, Any]:
    cpu = None
    with suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_text(errors="replace")
        cpu = re.search(r"^(?:model name|Hardware|cpu model)\s*:\s*(.*)", lines, re.M)
    return {
        "python": f"{platform.python_implementation()} {sys.version.partition(' (')[0]}",
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": f"{len(usable_cores()) or os.cpu_count()} of {os.cpu_count()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),  # above 1 other programs were at work
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def figure(value: float | None, otherwise: str = "no") -> str:
    """Format a figure with about three significant digits, or return the word for a missing one."""
    if value is None:
        return otherwise
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def table(
    title: str,
    rows: Iterable[tuple[str, Any]],
    columns: Mapping[str, Any],
    cell: Callable[[Any, Any], str],
) -> Table:
    """Return a table of named rows and columns, with a cell's text for each pair of them."""
    body = [[name, *(cell(row, one) for one in columns.values())] for name, row in rows]
    return title, [["", *columns], *body]


def publish(
    options: Any,
    versions: Mapping[str, str],
    tables: Iterable[Table],
    samples: Samples,
    note: str = "",
) -> None:
    """Print the report of a run with a note, and write its figures to the file of --json."""
    tables = list(tables)
    setting = "{python}, {cpu}, {cores} cores, {system}, load {load} before the run"
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    texts = (setting.format(**options.machine), names, f"{options.method} {note}")
    parts = ["\n".join(textwrap.fill(" ".join(text.split()), 110) for text in texts)]
    parts += [f"{title}\n{_aligned(rows)}" for title, rows in tables]
    if samples.failed:
        parts.append("\n  ".join(["Not measured:", *samples.failures()]))
    print("\n\n".join(parts))
    rounds = {" / ".join(key): rounds for key, rounds in samples.rounds.items()}
    failures = samples.failures()
    write_json(options, versions, tables=dict(tables), samples=rounds, not_measured=failures)


def write_json(options: Any, versions: Mapping[str, str], **figures: Any) -> None:
    """Write the figures to the file of --json, if there is one."""
    if options.json:
        values = {"machine": options.machine, "method": options.method, "versions": versions}
        options.json.write_text(json.dumps({**values, **figures}, indent=1) + "\n")


def _aligned(rows: Rows) -> str:
    """Align the first column left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
