"""The blocks without a server, in a process of their own."""

from __future__ import annotations

from benchmarks.peers import Peer
from benchmarks.scenarios import Client
from benchmarks.timing import Cell, time_cells
from benchmarks.tree import HUGE, Tree


def time_apps(apps: dict[int, Peer], tree: Tree, rounds: int) -> dict[int, float]:
    """Give the microseconds of a whole response, by block size."""
    cells = {}
    for size, peer in apps.items():
        app = peer.build(tree.root)
        environ, _ = Client(peer, app, tree).hit(HUGE)
        cells[size] = Cell((peer.key, HUGE), app, environ)
    time_cells(list(cells.values()), rounds, lambda: None)
    return {size: cell.us() for size, cell in cells.items()}
