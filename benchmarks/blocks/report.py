"""What block size and file wrapper make of a large file, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from benchmarks.machine import Machine
from benchmarks.servers.contenders import variant
from benchmarks.servers.figures import Figures, cpu, rate
from benchmarks.tables import paragraphs, table

METHOD = (
    "One 100 MiB file, downloaded again and again on one connection; in process its blocks are "
    "only counted. MB/s, and in the second table processor seconds of the server for each GB. "
    "Medians of rounds in which all take turns. wrapper: with file_wrapper=True."
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to do."""

    kib: tuple[int, ...]
    starts: int
    rounds: int
    downloads: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where blocks go: a server, or nowhere."""

    key: str
    name: str
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found out."""

    machine: Machine
    cores: str
    effort: Effort
    places: list[Place]
    figures: Figures

    def value(self, place: Place, kib: int, wrapper: bool, of_cpu: bool) -> float | None:
        """Give MB/s or processor seconds for each GB."""
        app = variant("", block_size=kib * 1024, file_wrapper=wrapper)
        found = self.figures.median((place.key, app.key), cpu if of_cpu else rate)
        return found and (found * 1e9 if of_cpu else found / 1e6)

    def lines(self) -> Iterator[tuple[Place, bool]]:
        """Give the rows of the tables: each place without the wrapper, and with it."""
        for place in self.places:
            yield place, False
            if place.wraps:
                yield place, True

    def __str__(self) -> str:
        names = ", ".join(place.name for place in self.places[1:])
        versions = ", ".join(filter(None, (f"wsgistatic {_version()}", names)))
        method = f"{METHOD} {self.cores}"
        head = paragraphs(str(self.machine), versions, method)
        unable = [f"  {' '.join(key)}: {why}" for key, why in self.figures.unable.items()]
        parts = [head, self._table("MB/s by block size", False)]
        parts.append(self._table("Processor seconds per GB by block size", True))
        return "\n\n".join([*parts, *(["\n".join(["Not measured:", *unable])] if unable else [])])

    def _table(self, title: str, of_cpu: bool) -> str:
        rows = [["", *(f"{kib} KiB" for kib in self.effort.kib)]]
        for place, wrapper in self.lines():
            values = [self.value(place, kib, wrapper, of_cpu) for kib in self.effort.kib]
            digits = 3 if of_cpu else 0
            cells = ("no" if value is None else f"{value:.{digits}f}" for value in values)
            rows.append([place.name + (", wrapper" if wrapper else ""), *cells])
        return table(title, rows)

    def json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "benchmark": "blocks",
            "method": METHOD,
            "machine": asdict(self.machine),
            "cores": self.cores,
            "effort": asdict(self.effort),
            "places": {place.key: place.name for place in self.places},
            "version": _version(),
            "bytes": self.figures.json(),
        }


def _version() -> str:
    version: str = import_module("wsgistatic").__version__
    return version
