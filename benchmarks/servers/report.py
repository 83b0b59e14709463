"""The figures of servers as tables to read and as JSON to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from benchmarks.machine import Machine
from benchmarks.peers import Peer
from benchmarks.servers.contenders import CONSTANT
from benchmarks.servers.figures import Figures, Key, Round, busy, cpu, rate
from benchmarks.servers.kinds import NGINX, NGINX_CACHE, Server
from benchmarks.servers.load import CONNECTIONS
from benchmarks.tables import figure, paragraphs, table

METHOD = (
    "One server process at work at a time, on a core of its own; the load on another. The pairs "
    "of server and app take turns, in another order each round; medians of the rounds, and of "
    "the ratios inside each. CPU: user and system time of all of the server's processes."
)
NGINX_NAMES = {NGINX: "nginx", NGINX_CACHE: "nginx, open_file_cache"}
_NGINX_KEY = (NGINX, "")
_CACHE_KEY = (NGINX_CACHE, "")
_Base: TypeAlias = Callable[[Key], Key]
_Value: TypeAlias = Callable[[Round], float]
_RATIOS: dict[str, tuple[_Base, _Value]] = {
    "rate/const": (lambda key: (key[0], CONSTANT), rate),
    "CPU/const": (lambda key: (key[0], CONSTANT), cpu),
    "rate/nginx": (lambda _: _NGINX_KEY, rate),
    "CPU/nginx": (lambda _: _NGINX_KEY, cpu),
    "rate/nginx+ofc": (lambda _: _CACHE_KEY, rate),
}
_MUCH = 0.1
_BUSY = ": others are at work on this machine. Trust the CPU columns, not the rates."
_SMALL_HEADS = (
    *(f"1 KiB file, keep-alive, {CONNECTIONS} connections", "requests/s", "CPU us", "busy"),
    *_RATIOS,
)
_LARGE_HEADS = (
    *("100 MiB file, one connection", "MB/s", "CPU s/GB", "busy"),
    *("rate/nginx", "CPU/nginx"),
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    starts: int  # of all servers, anew: some are lucky or not with their threads for life
    rounds: int  # after each start
    seconds: float  # of wrk, in each round
    downloads: int  # of the large file, in each round


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found out."""

    machine: Machine
    cores: str
    effort: Effort
    versions: dict[str, str]
    servers: list[Server]
    contenders: list[Peer]
    small: Figures
    large: Figures

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        effort = self.effort
        starts = f" after each of {effort.starts} starts" if effort.starts > 1 else ""
        seconds = f"{effort.rounds} rounds of {effort.seconds:g} s{starts}."
        method = f"{self.cores} {METHOD} {seconds} {self._noise()}"
        head = paragraphs(str(self.machine), versions, method)
        small = self._table(self.small, _SMALL_HEADS, self._small_cells)
        large = self._table(self.large, _LARGE_HEADS, self._large_cells)
        parts = [head, small, large, self._unable()]
        return "\n\n".join(part for part in parts if part)

    def rows(self, figures: Figures) -> Iterator[tuple[str, Key | None]]:
        """Give the rows of a table: nginx, then each server above its apps."""
        for server, name in NGINX_NAMES.items():
            if (server, "") in figures.rounds:
                yield name, (server, "")
        for one in self.servers:
            keys = [(peer.name, (one.key, peer.key)) for peer in self.contenders]
            known = [(name, key) for name, key in keys if key in figures.rounds]
            if known:
                yield one.name, None
                yield from ((f"  {name}", key) for name, key in known)

    def _table(
        self, figures: Figures, heads: tuple[str, ...], cells: Callable[[Key], tuple[str, ...]]
    ) -> str:
        rows = [heads]
        for name, key in self.rows(figures):
            rows.append((name, *(cells(key) if key else [""] * (len(heads) - 1))))
        return table("", rows) if len(rows) > 1 else ""

    def _small_cells(self, key: Key) -> tuple[str, ...]:
        small = self.small
        ratios = (small.ratio(key, base(key), value) for base, value in _RATIOS.values())
        us = (small.median(key, cpu) or 0) * 1e6
        load = f"{small.median(key, busy):.2f}"
        return f"{small.median(key, rate):.0f}", figure(us), load, *(figure(r, "-") for r in ratios)

    def _large_cells(self, key: Key) -> tuple[str, ...]:
        large = self.large
        megabytes = (large.median(key, rate) or 0) / 1e6
        seconds = (large.median(key, cpu) or 0) * 1e9
        cells = (f"{megabytes:.0f}", f"{seconds:.3f}", f"{large.median(key, busy):.2f}")
        ratios = (large.ratio(key, _NGINX_KEY, value) for value in (rate, cpu))
        return *cells, *(figure(one, "-") for one in ratios)

    def _noise(self) -> str:
        if not self.small.rounds:
            return ""
        median, worst = self.small.spread()
        spread = (
            f"The rounds' rates differ by {median:.0%} at the median pair, {worst:.0%} at worst"
        )
        return f"{spread}{_BUSY}" if median > _MUCH else f"{spread}."

    def _unable(self) -> str:
        lines = [
            f"  {' with '.join(filter(None, key))}: {reason}"
            for figures in (self.small, self.large)
            for key, reason in figures.unable.items()
        ]
        return "\n".join(["Not measured:", *lines]) if lines else ""

    def json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "benchmark": "servers",
            "method": METHOD,
            "machine": asdict(self.machine),
            "cores": self.cores,
            "effort": asdict(self.effort),
            "versions": self.versions,
            "requests": self.small.json(),
            "bytes": self.large.json(),
            "ratios": {name: self._ratios(*ratio) for name, ratio in _RATIOS.items()},
        }

    def _ratios(self, base: _Base, value: _Value) -> dict[str, dict[str, float]]:
        values: dict[str, dict[str, float]] = {}
        for key in self.small.rounds:
            found = self.small.ratio(key, base(key), value)
            if found is not None:
                values.setdefault(key[0], {})[key[1]] = found
        return values
