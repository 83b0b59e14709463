"""The figures as tables to read and as JSON to keep."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.machine import Machine
from benchmarks.peers import Peer
from benchmarks.scenarios import Scenario
from benchmarks.tables import figure, paragraphs, table
from benchmarks.timing import HARNESS, METHOD, Effort, Figures
from benchmarks.tree import HUGE, SIZES

REFERENCE = "whitenoise"


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found out."""

    machine: Machine
    effort: Effort
    peers: list[Peer]
    scenarios: list[Scenario]
    figures: Figures

    def us(self, peer: str, scenario: str) -> float | None:
        """Give the microseconds of a request, or None where the peer cannot do it."""
        each = self.figures.us.get((peer, scenario))
        return statistics.median(each) if each else None

    def ratio(self, peer: str, scenario: Scenario) -> float | None:
        """Give the ratio to WhiteNoise: the median of the ratios inside each process."""
        figures, base = self.figures.us.get((peer, scenario.key)), self._base(scenario)
        if not figures or not base:
            return None
        return statistics.median(map(float.__truediv__, figures, base))

    def borrows_base(self, scenario: Scenario) -> bool:
        """Tell whether WhiteNoise is compared with in another scenario, unable to do this."""
        own = (REFERENCE, scenario.key)
        return own not in self.figures.us and self._base(scenario) is not None

    def _base(self, scenario: Scenario) -> list[float] | None:
        us = self.figures.us
        return us.get((REFERENCE, scenario.key)) or us.get((REFERENCE, scenario.base or ""))

    def __str__(self) -> str:
        versions = ", ".join(str(peer) for peer in self.peers if peer.version)
        parts = [paragraphs(str(self.machine), versions, f"{METHOD} {self._noise()}")]
        parts.append(self._table("Microseconds per request", [*self.peers, HARNESS], self.us_cells))
        if any(peer.key == REFERENCE for peer in self.peers):
            title = "Ratio to WhiteNoise's default mode (smaller is better)"
            parts.append(self._table(title, self.peers, self.ratio_cells) + self._footnote())
        return "\n\n".join([*parts, *self._unable()])

    def us_cells(self, peer: Peer) -> dict[str, str]:
        """Give a row of the first table, by column."""
        row = {one.column: figure(self.us(peer.key, one.key)) for one in self.scenarios}
        for one in self.scenarios:
            if one.file == HUGE:
                us = self.us(peer.key, one.key)
                row["MB/s"] = f"{SIZES[HUGE] / us:.0f}" if us else "no"
                if peer == HARNESS:
                    row["MB/s"] = "-"
        return row

    def ratio_cells(self, peer: Peer) -> dict[str, str]:
        """Give a row of the second table, by column."""
        row = {}
        for one in self.scenarios:
            mark = "*" if self.borrows_base(one) else ""
            unable = (peer.key, one.key) in self.figures.unable
            row[one.column + mark] = figure(self.ratio(peer.key, one), "no" if unable else "-")
        return row

    def _table(self, title: str, peers: list[Peer], cells: Callable[[Peer], dict[str, str]]) -> str:
        rows = [("", *cells(peers[0]))]
        return table(title, rows + [(peer.name, *cells(peer).values()) for peer in peers])

    def _footnote(self) -> str:
        titles = [one.column for one in self.scenarios if self.borrows_base(one)]
        if not titles:
            return ""
        return f"\n* {', '.join(titles)}: against WhiteNoise's single range; it cannot send several"

    def _unable(self) -> list[str]:
        lines = []
        for peer in self.peers:
            reasons = [
                f"{one.column} ({self.figures.unable[peer.key, one.key]})"
                for one in self.scenarios
                if (peer.key, one.key) in self.figures.unable
            ]
            if reasons:
                lines.append(f"  {peer.name}: {', '.join(reasons)}")
        return ["\n".join(["Not timed:", *lines])] if lines else []

    def _noise(self) -> str:
        spreads = [
            (max(each) - min(each)) / statistics.median(each)
            for each in self.figures.us.values()
            if len(each) > 1
        ]
        if not spreads:
            return ""
        return (
            f"The processes differ by {statistics.median(spreads):.0%} at the median cell, "
            f"{max(spreads):.0%} at the worst."
        )

    def json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        peers = {peer.key: {"name": peer.name, "version": peer.version} for peer in self.peers}
        return {
            "benchmark": "inprocess",
            "method": METHOD,
            "machine": asdict(self.machine),
            "effort": asdict(self.effort),
            "peers": peers,
            "scenarios": {one.key: one.title for one in self.scenarios},
            "us": self._by_peer(lambda peer, one: self.us(peer, one.key)),
            "us_per_process": self._by_peer(lambda peer, one: self.figures.us.get((peer, one.key))),
            "ratio_to_whitenoise": self._by_peer(self.ratio),
            "no": self._by_peer(lambda peer, one: self.figures.unable.get((peer, one.key))),
        }

    def _by_peer(self, value: Any) -> dict[str, dict[str, Any]]:
        return {
            peer.key: {
                one.key: found
                for one in self.scenarios
                if (found := value(peer.key, one)) is not None
            }
            for peer in [*self.peers, HARNESS]
        }
