"""The charts of the benchmarks, drawn from their tables with matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

Rows = list[list[str]]  # of a table; the first has the heads
Panel = Callable[[Any], None]  # draws on axes
# The colours of bars by the beginnings of their names: this package, what does least, the others.
_COLOURS = {
    **{"wsgistatic ": "#5eaaa2", "wsgistatic": "#0f766e", "compress": "#5eaaa2"},
    **{"sidecar": "#0f766e", "floor": "#e3e6ea", "constant": "#e3e6ea", "": "#b8bec6"},
}
_STYLE = {
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
    **{f"{axis}.{kind}.size": 0 for axis in ("xtick", "ytick") for kind in ("major", "minor")},
}


def draw(options: Any, title: str, note: str, panels: Sequence[Panel], rows: int) -> None:
    """Write the chart of --plot, if it is wanted; the largest panel has so many rows."""
    if not options.plot or not panels:
        return
    import_module("matplotlib").use("Agg")
    plot = import_module("matplotlib.pyplot")
    columns = min(3, len(panels))
    lines = math.ceil(len(panels) / columns)
    size = (4.6 * columns, (0.25 * rows + 0.9) * lines + 0.9)
    with plot.rc_context(_STYLE):
        chart, axes = plot.subplots(
            lines, columns, figsize=size, squeeze=False, layout="constrained"
        )
        for panel, one in zip(panels, axes.flat, strict=False):
            panel(one)
        for unused in axes.flat[len(panels) :]:
            unused.set_axis_off()
        chart.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold")
        chart.supxlabel(note.format(**options.machine), x=0.01, ha="left", fontsize=9)
        chart.savefig(options.plot, dpi=160)
        plot.close(chart)


def bars(
    title: str,
    rows: Rows,
    head: str,
    beside: dict[str, str] | None = None,
    limit: float = math.inf,
    ratio: bool = False,
) -> Panel:
    """Return a panel with a bar for each row of a table, cut off at a limit.

    The bars of a ratio extend to both sides of 1. Texts beside the values are by the row's name.
    """
    place = rows[0].index(head)
    texts = {row[0].strip(): row[place] for row in rows[1:] if row[place]}
    base = 1 if ratio else 0
    numbers = [_number(text) for text in texts.values()]
    lengths = [min(base if one is None else one, limit) - base for one in numbers]
    labels = [text + (beside or {}).get(name, "") * (text != "no") for name, text in texts.items()]
    colours = [next(_COLOURS[one] for one in _COLOURS if name.startswith(one)) for name in texts]

    def panel(axes: Any) -> None:
        drawn = axes.barh([*texts], lengths, left=base, height=0.72, color=colours)
        axes.bar_label(drawn, labels, padding=4, fontsize=8)
        axes.invert_yaxis()
        axes.set_title(textwrap.fill(title, 44))
        if ratio:
            axes.axvline(1, color="black", linewidth=1)
            axes.set_xscale("log")
            axes.set_xlim(1e-3, 1e4)  # the same in all panels, with room for the labels
        else:
            axes.set_xticks([])
            axes.margins(x=0.5)

    return panel


def _number(text: str) -> float | None:
    """Return the number that a text begins with, or None."""
    digits = text.partition(" ")[0].replace(",", "")
    return float(digits) if digits.replace(".", "", 1).isdecimal() else None
