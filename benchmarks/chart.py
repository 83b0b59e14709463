"""The ratios as a picture: a panel for each scenario, WhiteNoise the line in the middle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer
from benchmarks.report import REFERENCE, Report, figure
from benchmarks.scenarios import Scenario

_OURS = "#0f766e"
_OURS_TOO = "#5eaaa2"
_OTHERS = "#b8bec6"
_FLOOR = "#e3e6ea"
_TEXT = "#1f2933"
_QUIET = "#7b8794"
_COLUMNS = 3


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    plot = import_module("matplotlib.pyplot")
    columns = min(_COLUMNS, len(report.scenarios))
    rows = math.ceil(len(report.scenarios) / columns)
    panel_height = 0.22 * len(report.peers) + 0.75
    style = {"font.size": 9, "text.color": _TEXT, "ytick.color": _TEXT, "xtick.color": _QUIET}
    with plot.rc_context(style):
        chart, grid = plot.subplots(
            rows,
            columns,
            figsize=(1.9 + 3.9 * columns, panel_height * rows + 1.0),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        panels = list(grid.flat)
        for axes, scenario in zip(panels, report.scenarios, strict=False):
            _draw_panel(axes, report, scenario)
        for axes in panels[len(report.scenarios) :]:
            axes.set_axis_off()
        _draw_scale(panels, report, columns)
        _draw_titles(chart, report)
        chart.savefig(path, dpi=160, facecolor="white")
        plot.close(chart)


def _draw_panel(axes: Any, report: Report, scenario: Scenario) -> None:
    axes.axvline(1, color=_TEXT, linewidth=1, zorder=3)
    for place, peer in enumerate(report.peers):
        ratio, us = report.ratio(peer.key, scenario), report.us(peer.key, scenario.key)
        if ratio is None or us is None:
            reason = report.figures.unable.get((peer.key, scenario.key))
            text = f"no: {reason}" if reason else "nothing to compare with"
            note = {"color": _QUIET, "fontsize": 7, "style": "italic"}
            axes.annotate(text, (1, place), (4, 0), va="center", **_OFFSET, **note)
            continue
        left, right = min(ratio, 1), max(ratio, 1)
        bar = {"color": _color(peer), "height": 0.72, "zorder": 2}
        axes.barh(place, right - left, left=left, **bar)
        cheaper = ratio < 0.995
        axes.annotate(
            figure(ratio),
            (ratio, place),
            (-4 if cheaper else 4, 0),
            ha="right" if cheaper else "left",
            va="center",
            fontsize=8,
            fontweight="bold" if _is_ours(peer) else "normal",
            **_OFFSET,
        )
        axes.annotate(
            _time(us), (1, place), (-3, 0), ha="right", va="center", fontsize=8, **_AT_RIGHT
        )
    title = scenario.title + (" (against one)" if report.borrows_base(scenario) else "")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")


_OFFSET = {"textcoords": "offset points"}
_AT_RIGHT = {"xycoords": ("axes fraction", "data"), "color": _QUIET, **_OFFSET}


def _draw_scale(panels: list[Any], report: Report, columns: int) -> None:
    ratios = list(_ratios(report))
    first, end = panels[0], max([*ratios, 10])
    first.set_xscale("log")
    # Room for the figures at both ends of the bars, and for the times at the right edge.
    first.set_xlim(min([*ratios, 0.5]) / 4, end * 30)
    first.set_yticks(range(len(report.peers)), [peer.name for peer in report.peers])
    first.invert_yaxis()
    for number, axes in enumerate(panels[: len(report.scenarios)]):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, which="both")
        axes.grid(axis="x", color="#eceff2", zorder=0)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x" if value <= end else "")
        if number + columns >= len(report.scenarios):
            axes.tick_params(labelbottom=True)
        if number % columns == 0:
            for label, peer in zip(axes.get_yticklabels(), report.peers, strict=True):
                label.set_fontweight("bold" if _is_ours(peer) else "normal")


def _draw_titles(chart: Any, report: Report) -> None:
    inch = 1 / chart.get_figheight()
    chart.get_layout_engine().set(rect=(0.008, 0, 0.988, 1 - 0.8 * inch))
    reference = next(peer for peer in report.peers if peer.key == REFERENCE)
    title = f"Processor time per request, next to {reference}'s (the line at 1x)"
    chart.text(0.015, 1 - 0.28 * inch, title, fontsize=14, fontweight="bold", va="center")
    machine = report.machine
    setting = f"{machine.python}, {machine.cpu}, one core, in process without a server"
    note = f"Log scale; bars to the left of the line are cheaper. {setting}."
    chart.text(0.015, 1 - 0.54 * inch, note, color=_QUIET, va="center")


def _ratios(report: Report) -> Iterator[float]:
    for peer in report.peers:
        for scenario in report.scenarios:
            ratio = report.ratio(peer.key, scenario)
            if ratio is not None:
                yield ratio


def _is_ours(peer: Peer) -> bool:
    return peer.key.startswith("wsgistatic")


def _color(peer: Peer) -> str:
    if _is_ours(peer):
        return _OURS if peer.key == "wsgistatic" else _OURS_TOO
    return _FLOOR if peer.key == "floor" else _OTHERS


def _time(us: float) -> str:
    return f"{figure(us / 1000)} ms" if us >= 1000 else f"{figure(us)} \N{MICRO SIGN}s"
