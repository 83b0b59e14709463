"""Content codings as a picture: bytes sent by each way, a panel for each text."""

from __future__ import annotations

from pathlib import Path

from benchmarks.codings.report import Report
from benchmarks.style import OFFSET, OTHERS, OURS, OURS_TOO, bare, sheet


def draw(report: Report, path: Path) -> None:
    """Draw the chart; the ending of the path decides the format."""
    ways = list(reversed(report.ways))
    with sheet(
        path,
        "Bytes sent, by content coding",
        f"Beside the bars: processor time of a later request. {report.machine.python}.",
        len(report.outcomes),
        len(report.outcomes),
        (4.5, 0.3 * len(ways) + 0.75),
        sharey=True,
    ) as (panels, _):
        for axes, (text, outcomes) in zip(panels, report.outcomes.items(), strict=True):
            for place, way in enumerate(ways):
                outcome = outcomes[way.name]
                shade = OURS if way.stored else OURS_TOO if way.coding else OTHERS
                axes.barh(place, outcome.size / 1024, color=shade, height=0.72, zorder=2)
                label = f"{outcome.size / 1024:.1f} KiB, {outcome.later:.1f} us"
                at = (outcome.size / 1024, place)
                axes.annotate(label, at, (4, 0), va="center", fontsize=8, **OFFSET)
            axes.set_yticks(range(len(ways)), [way.name for way in ways])
            axes.set_xlim(right=axes.get_xlim()[1] * 1.3)
            bare(axes, text)
