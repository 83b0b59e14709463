"""The figures of servers as a picture: a panel for each server, nginx a bar in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers.figures import Figures, Key, cpu, rate
from benchmarks.servers.report import NGINX_NAMES, Report
from benchmarks.style import OFFSET, QUIET, bare, colour, is_ours, sheet
from benchmarks.tables import figure

_COLUMNS = 3
_ROOM = 1.7  # the width of a panel, in lengths of its longest bar


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    figures: Figures
    rows: dict[Key, str]
    text: Callable[[Figures, Key], tuple[str, str]]


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    panels = _panels(report)
    if not panels:
        return
    rows = max(len(one.rows) for one in panels)
    note = "Longer is better. In grey: processor time of the server."
    machine = f"{report.machine.python}, {report.machine.cpu}, {report.cores[:1].lower()}"
    with sheet(
        path,
        "Requests and MB per second under each server",
        f"{note} {machine}{report.cores[1:]}",
        len(panels),
        _COLUMNS,
        (4.5, 0.24 * rows + 0.8),
    ) as (sheets, _):
        for axes, panel in zip(sheets, panels, strict=True):
            _draw(axes, panel)


def _panels(report: Report) -> list[_Panel]:
    panels = []
    for size, figures, text in (
        ("1 KiB", report.small, _requests),
        ("100 MiB", report.large, _megabytes),
    ):
        known = figures.rounds.keys() | figures.unable.keys()
        nginx = {(server, ""): name for server, name in NGINX_NAMES.items()}
        for server in report.servers:
            rows = {(server.key, peer.key): peer.name for peer in report.contenders}
            rows = {key: name for key, name in (rows | nginx).items() if key in known}
            if rows.keys() - nginx.keys():
                panels.append(_Panel(f"{size}, {server}", figures, rows, text))
    return panels


def _draw(axes: Any, panel: _Panel) -> None:
    figures = panel.figures
    rates = {key: figures.median(key, rate) or 0 for key in panel.rows}
    edge = max([value for (_, app), value in rates.items() if app] + [1]) * _ROOM
    for place, (key, value) in enumerate(rates.items()):
        text, cost = panel.text(figures, key)
        if key in figures.unable:
            text, cost = f"no: {figures.unable[key][:40]}", ""
        axes.barh(place, min(value, edge), color=_colour(key), height=0.72, zorder=2)
        far = value > edge / _ROOM * 1.05 and not key[1]  # nginx may be off the end
        style = {"va": "center", "fontsize": 8, "zorder": 3, **OFFSET}
        if far:
            label = f"{text}  {cost}" + (" \N{RIGHTWARDS ARROW}" if value > edge else "")
            end = (min(value, edge), place)
            axes.annotate(label, end, (-4, 0), ha="right", color="white", **style)
            continue
        style["fontweight"] = "bold" if is_ours(key[1]) else "normal"
        label = axes.annotate(text, (value, place), (4, 0), **style)
        style |= {"fontweight": "normal", "color": QUIET, "xycoords": label}
        axes.annotate(cost, (1, 0.5), (6, 0), **style)
    axes.set_yticks(range(len(rates)), panel.rows.values())
    for tick, key in zip(axes.get_yticklabels(), rates, strict=True):
        tick.set_fontweight("bold" if is_ours(key[1]) else "normal")
    axes.set_ylim(len(rates) - 0.4, -0.6)
    axes.set_xlim(0, edge)
    bare(axes, panel.title)
    axes.set_xticks([])


def _colour(key: Key) -> str:
    return colour(key[1]) if key[1] else QUIET


def _requests(figures: Figures, key: Key) -> tuple[str, str]:
    us = (figures.median(key, cpu) or 0) * 1e6
    return f"{figures.median(key, rate) or 0:,.0f}", f"{figure(us)} \N{MICRO SIGN}s"


def _megabytes(figures: Figures, key: Key) -> tuple[str, str]:
    seconds = (figures.median(key, cpu) or 0) * 1e9
    return f"{(figures.median(key, rate) or 0) / 1e6:,.0f} MB/s", f"{figure(seconds)} s/GB"
