"""How all charts look: colours, and the sheet that panels are drawn on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

OURS = "#0f766e"
OURS_TOO = "#5eaaa2"
OTHERS = "#b8bec6"
FLOOR = "#e3e6ea"
TEXT = "#1f2933"
QUIET = "#7b8794"
GRID = "#eceff2"
SHADES = ("#0f766e", "#d97706", "#6d5bd0", "#b8bec6", "#be3d6b", "#4a90c2", "#8a6d3b")
OFFSET = {"textcoords": "offset points"}
_TITLE_INCHES = 0.8


def colour(key: str) -> str:
    """Give the colour of a contender: ours, what does least, the others."""
    if key.startswith("wsgistatic"):
        return OURS if key == "wsgistatic" else OURS_TOO
    return FLOOR if key in ("floor", "constant", "constant-stat") else OTHERS


def is_ours(key: str) -> bool:
    """Tell whether a contender is this package."""
    return key.startswith("wsgistatic")


@contextmanager
def sheet(
    path: Path,
    title: str,
    note: str,
    panels: int,
    columns: int,
    panel_size: tuple[float, float],
    **options: Any,
) -> Iterator[tuple[list[Any], Any]]:
    """Give the panels to draw on and the module; then write the file, by its ending's format."""
    import_module("matplotlib").use("Agg")
    plot = import_module("matplotlib.pyplot")
    columns = min(columns, panels)
    rows = math.ceil(panels / columns)
    style = {"font.size": 9, "text.color": TEXT, "ytick.color": TEXT, "xtick.color": QUIET}
    with plot.rc_context(style):
        size = (panel_size[0] * columns, panel_size[1] * rows + _TITLE_INCHES + 0.2)
        chart, grid = plot.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained", **options
        )
        axes = list(grid.flat)
        for unused in axes[panels:]:
            unused.set_axis_off()
        yield axes[:panels], plot
        inch = 1 / chart.get_figheight()
        chart.get_layout_engine().set(rect=(0.008, 0, 0.988, 1 - _TITLE_INCHES * inch))
        chart.text(0.015, 1 - 0.28 * inch, title, fontsize=14, fontweight="bold", va="center")
        chart.text(0.015, 1 - 0.54 * inch, note, color=QUIET, va="center")
        chart.savefig(path, dpi=160, facecolor="white")
        plot.close(chart)


def bare(axes: Any, title: str, grid: str = "x") -> None:
    """Take the frame away, draw the grid, set the title."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, which="both")
    axes.grid(axis=grid, color=GRID, zorder=0)
    axes.set_axisbelow(True)
