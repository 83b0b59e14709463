"""Block sizes as a picture: above how fast, below at what cost; a column for each place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.blocks.report import Place, Report
from benchmarks.style import OFFSET, OURS, QUIET, bare, sheet

_WRAPPER = "#d97706"


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    places = report.places
    machine = f"{report.machine.python}, {report.machine.cpu}."
    with sheet(
        path,
        "A 100 MiB file by block size",
        f"Above MB/s, higher is better; below processor seconds per GB. {machine}",
        2 * len(places),
        len(places),
        (3.9, 2.3),
    ) as (sheets, _):
        for number, place in enumerate(places):
            _panel(sheets[number], report, place, of_cpu=False)
            _panel(sheets[len(places) + number], report, place, of_cpu=True)


def _panel(axes: Any, report: Report, place: Place, of_cpu: bool) -> None:
    sizes = report.effort.kib
    for wrapper in (False, True) if place.wraps else (False,):
        values = [report.value(place, kib, wrapper, of_cpu) for kib in sizes]
        known = [(x, value) for x, value in enumerate(values) if value is not None]
        if not known:
            continue
        colour = _WRAPPER if wrapper else OURS
        xs, ys = zip(*known, strict=True)
        axes.plot(xs, ys, "o-", color=colour, linewidth=1.6, markersize=4, zorder=3)
        for x, value in known:
            text = f"{value:.2f}" if of_cpu else f"{value:.0f}"
            above = {"ha": "center", "fontsize": 7, "color": QUIET}
            axes.annotate(text, (x, value), (0, 5), **above, **OFFSET)
        if place.wraps:
            name = "file wrapper" if wrapper else "blocks"
            style = {"color": colour, "fontsize": 8, "va": "center", **OFFSET}
            axes.annotate(name, known[-1], (8, 0), **style)
    axes.set_xticks(range(len(sizes)), [f"{kib} KiB" if kib < 1024 else "1 MiB" for kib in sizes])
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.15)
    axes.set_xlim(-0.4, len(sizes) - (0.0 if place.wraps else 0.6))
    bare(axes, f"{place.name}, {'s per GB' if of_cpu else 'MB/s'}", grid="y")
