"""Time per request against the number of ranges in it, in shapes good and hostile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.peers import Peer
from benchmarks.scenarios import Client, Unable
from benchmarks.timing import Cell, time_cells
from benchmarks.tree import MIB, Tree

COUNTS = (1, 10, 100, 200, 1000)
SIZE = MIB
FILE = "ranges.bin"
_STEP = SIZE // max(COUNTS)


def _disjoint(count: int) -> list[str]:
    return [f"{n * _STEP}-{n * _STEP + 9}" for n in range(count)]


def _zigzag(count: int) -> list[str]:
    """From the front, from the back, from the front: the order that sorts worst."""
    parts = _disjoint(count)
    return [parts[n // 2] if n % 2 == 0 else parts[-1 - n // 2] for n in range(count)]


SHAPES: dict[str, Callable[[int], list[str]]] = {
    "disjoint": _disjoint,
    "disjoint, backwards": lambda count: _disjoint(count)[::-1],
    "disjoint, zigzag": _zigzag,
    "disjoint, then one over all": lambda count: [*_disjoint(count - 1), f"0-{SIZE - 1}"],
    "adjacent": lambda count: [f"{n * 10}-{n * 10 + 9}" for n in range(count)],
    "overlapping": lambda count: [f"{n * 10}-{n * 10 + 19}" for n in range(count)],
    "nested": lambda count: [f"{n}-{SIZE - 1 - n}" for n in range(count)],
    "the whole file each time": lambda count: ["0-"] * count,
    "the same byte each time": lambda count: ["7-7"] * count,
    "growing suffixes": lambda count: [f"-{n + 1}" for n in range(count)],
    "numbers of 100 digits": lambda count: [f"{n:0100}-{n + 1:0100}" for n in range(count)],
    "all beyond the end": lambda count: [f"{SIZE + n}-" for n in range(count)],
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request with ranges gets, and what it costs."""

    us: float
    status: str
    size: int  # of the body


@dataclass(slots=True)
class RangeFigures:
    """By peer, shape and number of ranges; or why a peer has none."""

    answers: dict[tuple[str, str, int], Answer] = field(default_factory=dict)
    unable: dict[str, str] = field(default_factory=dict)

    def growth(self, peer: str, shape: str) -> float:
        """Tell how many times as much 1000 ranges cost as 100."""
        return self.answers[peer, shape, 1000].us / self.answers[peer, shape, 100].us


def measure_ranges(peers: list[Peer], root: str, rounds: int) -> RangeFigures:
    """Measure all peers, interleaved; to be called in a process of its own."""
    figures, cells = RangeFigures(), {}
    for peer in peers:
        try:
            app = peer.build(root)
            client = Client(peer, app, Tree(root, {}))
            _need_several(client)
        except Exception as reason:  # any fault of a peer is only its own
            figures.unable[peer.key] = str(reason) if isinstance(reason, Unable) else repr(reason)
            continue
        for shape, make in SHAPES.items():
            for count in COUNTS:
                value = f"bytes={','.join(make(count))}"
                environ = client.environ(FILE, HTTP_RANGE=value)
                reply = client.ask(environ)
                key = (peer.key, shape, count)
                figures.answers[key] = Answer(0, reply.status[:3], reply.size)
                cells[key] = Cell((peer.key, shape), app, environ)
    time_cells(list(cells.values()), rounds, lambda: None)
    for key, cell in cells.items():
        known = figures.answers[key]
        figures.answers[key] = Answer(cell.us(), known.status, known.size)
    return figures


def _need_several(client: Client) -> None:
    reply = client.ask(client.environ(FILE, HTTP_RANGE="bytes=0-9,1000-1009"))
    media_type = reply.headers.get("content-type", "")
    if reply.status[:3] != "206" or not media_type.startswith("multipart/byteranges"):
        raise Unable(f"status {reply.status[:3]} and {media_type or 'no type'} to two ranges")
