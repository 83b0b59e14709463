"""No hole of the table without a replay over a socket and one without; no replay without a hole."""

from __future__ import annotations

from tests.security import test_environs, test_flips, test_resources, test_windows, test_wire
from tests.security.ids import IDS, REPLAYED

DIRECT = (test_environs, test_flips, test_resources, test_windows)
NO_CALL = {"request smuggling"}  # a call is one request: nothing can follow it


def names_in(*modules: object) -> set[str]:
    return {name for module in modules for name in vars(module) if name.startswith("test_")}


def test_every_id_is_replayed() -> None:
    assert len(set(IDS)) == len(IDS)
    assert set(REPLAYED) == set(IDS)
    replays = {name for names in REPLAYED.values() for name in names}
    assert replays <= names_in(test_wire, *DIRECT)
    assert names_in(test_wire).isdisjoint(names_in(*DIRECT))


def test_every_id_is_replayed_over_a_socket() -> None:
    wire = names_in(test_wire)
    assert [one for one in IDS if wire.isdisjoint(REPLAYED[one])] == []


def test_every_id_is_replayed_by_a_call() -> None:
    direct = names_in(*DIRECT)
    assert {one for one in IDS if direct.isdisjoint(REPLAYED[one])} == NO_CALL
