"""The ratios as a picture: a panel for each scenario, WhiteNoise the line in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.report import REFERENCE, Report
from benchmarks.scenarios import Scenario
from benchmarks.style import OFFSET, QUIET, TEXT, bare, colour, is_ours, sheet
from benchmarks.tables import figure

_COLUMNS = 3


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    machine = report.machine
    reference = next(peer for peer in report.peers if peer.key == REFERENCE)
    setting = f"{machine.python}, {machine.cpu}, one core, in process without a server"
    with sheet(
        path,
        f"Processor time per request, next to {reference}'s (the line at 1x)",
        f"Log scale; bars to the left of the line are cheaper. {setting}.",
        len(report.scenarios),
        _COLUMNS,
        (4.5, 0.22 * len(report.peers) + 0.75),
        sharex=True,
        sharey=True,
    ) as (panels, _):
        for axes, scenario in zip(panels, report.scenarios, strict=True):
            _draw_panel(axes, report, scenario)
        _draw_scale(panels, report, min(_COLUMNS, len(panels)))


def _draw_panel(axes: Any, report: Report, scenario: Scenario) -> None:
    axes.axvline(1, color=TEXT, linewidth=1, zorder=3)
    for place, peer in enumerate(report.peers):
        ratio, us = report.ratio(peer.key, scenario), report.us(peer.key, scenario.key)
        if ratio is None or us is None:
            reason = report.figures.unable.get((peer.key, scenario.key))
            text = f"no: {reason}" if reason else "nothing to compare with"
            note = {"color": QUIET, "fontsize": 7, "style": "italic"}
            axes.annotate(text, (1, place), (4, 0), va="center", **OFFSET, **note)
            continue
        left, right = min(ratio, 1), max(ratio, 1)
        bar = {"color": colour(peer.key), "height": 0.72, "zorder": 2}
        axes.barh(place, right - left, left=left, **bar)
        cheaper = ratio < 0.995
        axes.annotate(
            figure(ratio),
            (ratio, place),
            (-4 if cheaper else 4, 0),
            ha="right" if cheaper else "left",
            va="center",
            fontsize=8,
            fontweight="bold" if is_ours(peer.key) else "normal",
            **OFFSET,
        )
        axes.annotate(
            _time(us), (1, place), (-3, 0), ha="right", va="center", fontsize=8, **_AT_RIGHT
        )
    title = scenario.title + (" (against one)" if report.borrows_base(scenario) else "")
    bare(axes, title)


_AT_RIGHT = {"xycoords": ("axes fraction", "data"), "color": QUIET, **OFFSET}


def _draw_scale(panels: list[Any], report: Report, columns: int) -> None:
    ratios = list(_ratios(report))
    first, end = panels[0], max([*ratios, 10])
    first.set_xscale("log")
    # Room for the figures at both ends of the bars, and for the times at the right edge.
    first.set_xlim(min([*ratios, 0.5]) / 4, end * 30)
    first.set_yticks(range(len(report.peers)), [peer.name for peer in report.peers])
    first.invert_yaxis()
    for number, axes in enumerate(panels):
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x" if value <= end else "")
        if number + columns >= len(report.scenarios):
            axes.tick_params(labelbottom=True)
        if number % columns == 0:
            for label, peer in zip(axes.get_yticklabels(), report.peers, strict=True):
                label.set_fontweight("bold" if is_ours(peer.key) else "normal")


def _ratios(report: Report) -> Iterator[float]:
    for peer in report.peers:
        for scenario in report.scenarios:
            ratio = report.ratio(peer.key, scenario)
            if ratio is not None:
                yield ratio


def _time(us: float) -> str:
    return f"{figure(us / 1000)} ms" if us >= 1000 else f"{figure(us)} \N{MICRO SIGN}s"
