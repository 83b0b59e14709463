"""What was found out about growth, as tables to read and as JSON to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.apart import Cost
from benchmarks.machine import Machine
from benchmarks.peers import Peer
from benchmarks.scale.ranges import COUNTS, SHAPES, SIZE, RangeFigures
from benchmarks.tables import figure, paragraphs, table
from benchmarks.tree import MIB

METHOD = (
    "Each action in a fresh interpreter on one core, twice: once for processor time and resident "
    "memory, once under tracemalloc for the memory of Python objects, which the tables show. "
    "No server, no wsgi.file_wrapper. Files of 1 KiB."
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to do."""

    files: tuple[int, ...]
    requests: int
    misses: int
    rounds: int


@dataclass(slots=True)
class Figures:
    """By what was done and by peer: the cost; or why there is none."""

    costs: dict[tuple[str, str], Cost] = field(default_factory=dict)
    unable: dict[tuple[str, str], str] = field(default_factory=dict)
    ranges: RangeFigures = field(default_factory=RangeFigures)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, a panel of the chart."""

    head: str
    title: str
    what: str
    value: Callable[[Cost], float]


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found out."""

    machine: Machine
    effort: Effort
    peers: list[Peer]
    ranged: list[Peer]
    figures: Figures

    def value(self, column: Column, peer: Peer) -> float | None:
        """Give the figure of a cell, if there is one."""
        cost = self.figures.costs.get((column.what, peer.key))
        return None if cost is None else column.value(cost)

    def starts(self) -> tuple[list[Column], list[Column]]:
        """Give the columns for the time and for the memory of a start, by number of files."""
        counts = self.effort.files
        return (
            [Column(f"{n:,}", f"{n:,} files", f"start:{n}", _ms) for n in counts],
            [Column(f"{n:,}", f"{n:,} files", f"start:{n}", _held) for n in counts],
        )

    def memory(self) -> list[Column]:
        """Give the columns for the memory that requests take."""
        files, misses = self.effort.requests, self.effort.misses
        open_title = "MB held by 500 responses, 1 MiB of each read"
        return [
            Column("500 open", open_title, "responses", _held),
            Column(f"{files:,} files", f"MB held after serving {files:,} files", "files", _held),
            Column(f"{misses:,} misses", f"MB held after {misses:,} misses", "misses", _held),
            Column("1 GiB, peak", "MB at the peak of sending 1 GiB", "drain", _peak),
        ]

    def sending(self) -> Column:
        """Give the column for the time of a long response."""
        return Column("1 GiB, ms", "ms for sending 1 GiB", "drain", _ms)

    def __str__(self) -> str:
        versions = {peer.name.split()[0]: peer.version for peer in self.peers if peer.version}
        names = ", ".join(f"{name} {version}" for name, version in versions.items())
        head = paragraphs(str(self.machine), names, METHOD)
        times, sizes = self.starts()
        parts = [
            head,
            self._table("Start: milliseconds by number of files in the directory", times),
            self._table("Start: MB of memory by number of files in the directory", sizes),
            self._table("MB of memory held, or at the peak", [*self.memory(), self.sending()]),
            *self._ranges(),
        ]
        return "\n\n".join([*parts, *self._unable()])

    def _table(self, title: str, columns: list[Column]) -> str:
        rows = [["", *(one.head for one in columns)]]
        for peer in self.peers:
            rows.append([peer.name, *(figure(self.value(one, peer)) for one in columns)])
        return table(title, rows)

    def _ranges(self) -> Iterator[str]:
        figures = self.figures.ranges
        for peer in self.ranged:
            if peer.key in figures.unable:
                continue
            rows = [["", *(f"{count}" for count in COUNTS), "1000:100", "answers"]]
            for shape in SHAPES:
                answers = [figures.answers[peer.key, shape, count] for count in COUNTS]
                growth = f"{figures.growth(peer.key, shape):.1f}"
                rows.append([shape, *(figure(one.us) for one in answers), growth])
                rows[-1].append(f"{answers[0].status} to {answers[-1].status}")
            largest = max(
                one.size / SIZE for (key, *_), one in figures.answers.items() if key == peer.key
            )
            title = f"{peer.name}: microseconds by number of ranges, 1 MiB file"
            yield table(f"{title}; the largest answer is {largest:.2f} times the file", rows)

    def _unable(self) -> list[str]:
        lines = [f"  {peer}, {what}: {why}" for (what, peer), why in self.figures.unable.items()]
        lines += [f"  {peer}, ranges: {why}" for peer, why in self.figures.ranges.unable.items()]
        return ["\n".join(["Not measured:", *lines])] if lines else []

    def json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        costs: dict[str, dict[str, Any]] = {}
        for (what, peer), cost in self.figures.costs.items():
            costs.setdefault(what, {})[peer] = asdict(cost)
        for (what, peer), reason in self.figures.unable.items():
            costs.setdefault(what, {})[peer] = {"no": reason}
        ranges: dict[str, Any] = {
            key: {"no": why} for key, why in self.figures.ranges.unable.items()
        }
        for (peer, shape, count), answer in self.figures.ranges.answers.items():
            ranges.setdefault(peer, {}).setdefault(shape, {})[count] = asdict(answer)
        return {
            "benchmark": "scale",
            "method": METHOD,
            "machine": asdict(self.machine),
            "effort": asdict(self.effort),
            "peers": {one.key: {"name": one.name, "version": one.version} for one in self.peers},
            "costs": costs,
            "ranges": ranges,
        }


def _ms(cost: Cost) -> float:
    return cost.cpu_s * 1000


def _held(cost: Cost) -> float:
    return cost.held / MIB


def _peak(cost: Cost) -> float:
    return cost.peak / MIB
