"""How cost grows, as a picture: bars for the peers, and the cost of ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.scale.ranges import COUNTS, SHAPES
from benchmarks.scale.report import Column, Report
from benchmarks.style import GRID, OFFSET, OURS, QUIET, TEXT, bare, colour, is_ours, sheet
from benchmarks.tables import figure

_COLUMNS = 4


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    times, sizes = report.starts()
    panels = [
        (f"ms to start, {times[-1].title}", times[-1]),
        (f"MB after the start, {sizes[-1].title}", sizes[-1]),
        *((one.title, one) for one in (*report.memory(), report.sending())),
    ]
    ranged = _most_ranges(report)
    with sheet(
        path,
        "What grows with files, responses, size and ranges",
        f"Shorter is better. {report.machine.python}, {report.machine.cpu}, one core, no server.",
        len(panels) + bool(ranged),
        _COLUMNS,
        (4.4, 0.26 * len(report.peers) + 0.9),
    ) as (sheets, _):
        for axes, (title, column) in zip(sheets, panels, strict=False):
            _bars(axes, title, column, report)
        if ranged:
            _ranges(sheets[-1], report, *ranged)


def _most_ranges(report: Report) -> tuple[str, str] | None:
    """Give key and name of the app of ours that takes the most ranges seriously."""
    measured = {peer for peer, *_ in report.figures.ranges.answers}
    ours = [(one.key, one.name) for one in report.ranged if one.key in measured]
    return next((one for one in reversed(ours) if is_ours(one[0])), None)


def _bars(axes: Any, title: str, column: Column, report: Report) -> None:
    values = [report.value(column, peer) for peer in report.peers]
    longest = max([1.0, *(value for value in values if value is not None)])
    for place, (peer, value) in enumerate(zip(report.peers, values, strict=True)):
        axes.barh(place, value or 0, color=colour(peer.key), height=0.72, zorder=2)
        style = {"fontweight": "bold"} if is_ours(peer.key) else {}
        axes.annotate(
            figure(value), (value or 0, place), (4, 0), va="center", fontsize=8, **style, **OFFSET
        )
    axes.set_yticks(range(len(values)), [peer.name for peer in report.peers])
    for label, peer in zip(axes.get_yticklabels(), report.peers, strict=True):
        label.set_fontweight("bold" if is_ours(peer.key) else "normal")
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(0, longest * 1.25)
    bare(axes, title)
    axes.set_xticks([])


def _ranges(axes: Any, report: Report, key: str, name: str) -> None:
    answers = report.figures.ranges.answers
    worst = max(SHAPES, key=lambda shape: answers[key, shape, COUNTS[-1]].us)
    for shape in SHAPES:
        line = [answers[key, shape, count].us for count in COUNTS]
        axes.plot(COUNTS, line, color=OURS, linewidth=1.6 if shape == worst else 0.8, zorder=3)
    hundred = answers[key, worst, 100].us
    axes.plot((100, 1000), (hundred, hundred * 12), ":", color=TEXT, linewidth=1, zorder=2)
    axes.annotate("12x", (1000, hundred * 12), (3, 0), fontsize=7, color=QUIET, **OFFSET)
    last = answers[key, worst, COUNTS[-1]].us
    style = {"fontsize": 7, "color": QUIET, "ha": "right", **OFFSET}
    axes.annotate(f"worst: {worst}", (COUNTS[-1], last), (-22, 0), **style)
    note = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
    axes.annotate(name, (1, 0), (-4, 4), fontsize=7, color=QUIET, **note)
    title = f"\N{MICRO SIGN}s by number of ranges in {len(SHAPES)} shapes"
    bare(axes, title, grid="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    shown = [count for count in COUNTS if count != 200]
    axes.set_xticks(shown, [str(count) for count in shown])
    axes.minorticks_off()
    axes.grid(axis="both", color=GRID, zorder=0)
