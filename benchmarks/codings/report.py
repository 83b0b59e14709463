"""Bytes and cost of each way, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from benchmarks.codings.ways import Outcome, Way
from benchmarks.machine import Machine
from benchmarks.tables import figure, paragraphs, table

METHOD = (
    "Texts of Python's own library, asked for in process by a client that accepts the one coding. "
    "Processor time: ahead is the writing of the sidecar (its level is the highest), first the "
    "first request to a new instance, later each one after that. Medians of rounds."
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found out."""

    machine: Machine
    rounds: int
    ways: list[Way]
    outcomes: dict[str, dict[str, Outcome]]  # by text and way

    def __str__(self) -> str:
        version = f"wsgistatic {import_module('wsgistatic').__version__}"
        head = paragraphs(str(self.machine), version, METHOD)
        return "\n\n".join([head, *(self._table(text) for text in self.outcomes)])

    def _table(self, text: str) -> str:
        rows = [["", "bytes", "share", "ahead, ms", "first, ms", "later, us"]]
        outcomes = self.outcomes[text]
        whole = outcomes[self.ways[0].name].size
        for way in self.ways:
            outcome = outcomes[way.name]
            rows.append(
                [
                    way.name,
                    str(outcome.size),
                    f"{100 * outcome.size / whole:.1f} %",
                    figure(outcome.ahead) if way.stored else "-",
                    figure(outcome.first),
                    figure(outcome.later),
                ]
            )
        return table(text, rows)

    def json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "benchmark": "codings",
            "method": METHOD,
            "machine": asdict(self.machine),
            "rounds": self.rounds,
            "outcomes": {
                text: {way: asdict(outcome) for way, outcome in outcomes.items()}
                for text, outcomes in self.outcomes.items()
            },
        }
