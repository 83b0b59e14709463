"""Requests and MB a second end to end, next to nginx: ``python -m benchmarks.servers --help``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

from benchmarks import cli
from benchmarks.machine import this_machine
from benchmarks.peers import Peer
from benchmarks.progress import Progress
from benchmarks.scenarios import Unable
from benchmarks.servers import load
from benchmarks.servers.contenders import CHOSEN, CONSTANT, contenders, variant
from benchmarks.servers.figures import Figures, Key, measure
from benchmarks.servers.kinds import (
    NGINX,
    NGINX_CACHE,
    Server,
    installed_servers,
    nginx_version,
)
from benchmarks.servers.launch import Fleet, Running
from benchmarks.servers.processes import choose_cores
from benchmarks.servers.report import Effort, Report
from benchmarks.style import is_ours
from benchmarks.tree import HUGE, SIZES, SMALL, Tree, make_tree

_QUICK = Effort(starts=1, rounds=3, seconds=0.55, downloads=2)
_FULL = Effort(starts=3, rounds=3, seconds=1.5, downloads=4)
_LARGE = ("gunicorn", "cheroot")  # the servers that the large file is measured under
_SMALL_ONLY = (CONSTANT, "constant-stat", "wsgistatic-ttl")  # large files are not kept
_WITH_WRAPPER = variant("wsgistatic file_wrapper", file_wrapper=True)
_HAVE_WRAPPER = ("gunicorn",)


@dataclass(slots=True)
class Field:
    """Who takes part."""

    servers: list[Server]
    peers: list[Peer]
    nginx: bool

    def small(self) -> list[tuple[Server, Peer]]:
        """Give the pairs for the small file."""
        return [(server, peer) for server in self.servers for peer in self.peers]

    def large(self) -> list[tuple[Server, Peer]]:
        """Give the pairs for the large file."""
        pairs = []
        for server in self.servers:
            if server.key not in _LARGE:
                continue
            pairs += [(server, peer) for peer in self.peers if peer.key not in _SMALL_ONLY]
            if server.key in _HAVE_WRAPPER and any(one.key == "wsgistatic" for one in self.peers):
                pairs.append((server, _WITH_WRAPPER))
        return pairs

    def rows(self) -> list[Peer]:
        """Give all peers in the order of the tables."""
        ours = [place for place, peer in enumerate(self.peers, 1) if is_ours(peer.key)]
        place = max(ours, default=0)
        return [*self.peers[:place], _WITH_WRAPPER, *self.peers[place:]]

    def versions(self) -> dict[str, str]:
        """Give the versions of all that take part."""
        versions = {server.name: server.version for server in self.servers}
        versions |= {peer.name.split()[0]: peer.version for peer in self.peers if peer.version}
        if self.nginx:
            versions["nginx"] = nginx_version() or ""
        return {**versions, "wrk": load.wrk_version() or ""}


def main() -> None:
    """Run the benchmark."""
    options, who = _parse()
    effort = _QUICK if options.quick else _FULL
    machine, cores = this_machine(), choose_cores()
    small, large = Figures(), Figures()
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root:
        tree = make_tree(root, {SMALL, HUGE})
        for number in range(1, effort.starts + 1):
            title = f"start {number} of {effort.starts}" if effort.starts > 1 else "servers"
            with Fleet(cores) as fleet:
                _measure(fleet, tree, who, effort, small, large, title)
    report = Report(
        machine, str(cores), effort, who.versions(), who.servers, who.rows(), small, large
    )
    print(report)
    cli.write_json(options.json, report.json())
    if options.plot:
        from benchmarks.servers.chart import draw  # noqa: PLC0415 - matplotlib where wanted

        draw(report, options.plot)


def _measure(
    fleet: Fleet,
    tree: Tree,
    who: Field,
    effort: Effort,
    small: Figures,
    large: Figures,
    title: str,
) -> None:
    small_running, large_running = _start(fleet, tree, who, small, large)
    fleet.pin_load()

    def ask(running: Running) -> load.Load:
        return load.wrk(running.port, running.prefix + SMALL, effort.seconds, fleet.folder)

    def download(running: Running) -> load.Load:
        path = running.prefix + HUGE
        return load.download(running.port, path, SIZES[HUGE], effort.downloads)

    total = effort.rounds * (len(small_running) + len(large_running))
    with Progress(total, title) as progress:
        measure(small, small_running, ask, effort.rounds, progress)
        measure(large, large_running, download, effort.rounds, progress)


def _start(
    fleet: Fleet, tree: Tree, who: Field, small: Figures, large: Figures
) -> tuple[dict[Key, Running], dict[Key, Running]]:
    """Start all servers at once; give those that answer rightly, for each of the two files."""
    running: dict[Key, Running] = {}
    if who.nginx:
        running[NGINX, ""] = fleet.start_nginx(False, tree)
        running[NGINX_CACHE, ""] = fleet.start_nginx(True, tree)
    wanted_small, wanted_large = set(running), {(NGINX, "")} & set(running)
    for wanted, pairs in ((wanted_small, who.small()), (wanted_large, who.large())):
        for server, peer in pairs:
            key = (server.key, peer.key)
            if key not in running:
                running[key] = fleet.start_app(server, peer.key, peer.prefix, tree)
            wanted.add(key)
    with Progress(len(running), "starting") as progress:
        for key, one in running.items():
            for figures, wanted, name in (
                (small, wanted_small, SMALL),
                (large, wanted_large, HUGE),
            ):
                if key in wanted and key not in figures.unable:
                    try:
                        fleet.settle(one, name, tree)
                    except Unable as reason:
                        figures.fail(key, reason)
            progress.advance(" ".join(key))
    return (
        {key: one for key, one in running.items() if key in wanted_small - small.unable.keys()},
        {key: one for key, one in running.items() if key in wanted_large - large.unable.keys()},
    )


def _parse() -> tuple[Any, Field]:
    servers, peers, nginx = installed_servers(), contenders(), nginx_version() is not None
    parser = cli.make_parser(
        "servers",
        "Requests/s, MB/s and processor time of servers with each static app, next to nginx. It "
        "takes a quarter of an hour.",
        "a minute and a half: rougher figures, no constant-stat",
    )
    names = [*([NGINX] if nginx else []), *(server.key for server in servers)]
    cli.add_choice(parser, "--servers", names)
    known = [peer.key for peer in peers]
    usual = [key for key in known if key in CHOSEN]
    cli.add_choice(parser, "--peers", known, usual)
    options = cli.parse(parser)
    if options.quick and options.peers == usual:
        options.peers.remove("constant-stat")  # for time's sake
    if load.wrk_version() is None:
        parser.error("wrk is needed: apt-get install wrk")
    who = Field(
        servers=[server for server in servers if server.key in options.servers],
        peers=[peer for peer in peers if peer.key in options.peers],
        nginx=NGINX in options.servers,
    )
    return options, who


if __name__ == "__main__":
    cli.run(main)
