"""What was measured of servers, and the ratios that are drawn from it."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.progress import Progress
from benchmarks.scenarios import Unable
from benchmarks.servers.launch import Running
from benchmarks.servers.load import Load

Key = tuple[str, str]  # server, contender; the contender of nginx is ""


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement."""

    rate: float  # requests or bytes a second
    cpu: float  # seconds of the server for each
    busy: float  # cores that the server kept busy

    @classmethod
    def of(cls, load: Load, cpu: float) -> Round:
        """Make it of what was done and what it took."""
        return cls(load.count / load.seconds, cpu / load.count, cpu / load.seconds)


@dataclass(slots=True)
class Figures:
    """The rounds of each server and contender; or why there are none."""

    rounds: dict[Key, list[Round]] = field(default_factory=dict)
    unable: dict[Key, str] = field(default_factory=dict)

    def fail(self, key: Key, reason: Unable) -> None:
        """Note why a pair cannot be measured; what was measured of it does not count."""
        self.unable[key] = str(reason)
        self.rounds.pop(key, None)

    def median(self, key: Key, value: Callable[[Round], float]) -> float | None:
        """Give the median of a value over the rounds."""
        rounds = self.rounds.get(key)
        return statistics.median(map(value, rounds)) if rounds else None

    def ratio(self, key: Key, base: Key, value: Callable[[Round], float]) -> float | None:
        """Give the median of the ratios inside each round: what disturbs one disturbs both."""
        rounds, bases = self.rounds.get(key), self.rounds.get(base)
        if not rounds or not bases:
            return None
        return statistics.median(value(a) / value(b) for a, b in zip(rounds, bases, strict=True))

    def spread(self) -> tuple[float, float]:
        """Tell how far apart the rates of the rounds lie: at the median cell, at the worst."""
        spreads = [
            (max(rates) - min(rates)) / statistics.median(rates)
            for rounds in self.rounds.values()
            if (rates := [one.rate for one in rounds])
        ]
        return (statistics.median(spreads), max(spreads)) if spreads else (0.0, 0.0)

    def json(self) -> dict[str, dict[str, Any]]:
        """Give every round as plain values, by server and contender."""
        values: dict[str, dict[str, Any]] = {}
        for (server, contender), rounds in self.rounds.items():
            values.setdefault(server, {})[contender] = {
                "rate": self.median((server, contender), rate),
                "cpu_s": self.median((server, contender), cpu),
                "rounds": [asdict(one) for one in rounds],
            }
        for (server, contender), reason in self.unable.items():
            values.setdefault(server, {})[contender] = {"no": reason}
        return values


def rate(one: Round) -> float:
    """Give the rate."""
    return one.rate


def cpu(one: Round) -> float:
    """Give the processor time."""
    return one.cpu


def busy(one: Round) -> float:
    """Give how many cores the server kept busy."""
    return one.busy


def measure(
    figures: Figures,
    running: dict[Key, Running],
    once: Callable[[Running], Load],
    rounds: int,
    progress: Progress,
) -> None:
    """Measure all in turn, in another order each round; who fails once is out."""
    for number in range(1, rounds + 1):
        order = [key for key in running if key not in figures.unable]
        for key in random.sample(order, len(order)):
            before = running[key].cpu()
            try:
                load = once(running[key])
            except Unable as reason:
                figures.fail(key, reason)
            else:
                spent = running[key].cpu() - before
                figures.rounds.setdefault(key, []).append(Round.of(load, spent))
            progress.advance(f"round {number} of {rounds}, {' '.join(key)}")
