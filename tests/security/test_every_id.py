"""No hole of the table without a replay, no replay without a hole."""

from __future__ import annotations

from tests.security import test_environs, test_flips, test_resources, test_windows, test_wire
from tests.security.ids import IDS, REPLAYED

MODULES = (test_environs, test_flips, test_resources, test_windows, test_wire)


def test_every_id_is_replayed() -> None:
    assert len(set(IDS)) == len(IDS)
    assert set(REPLAYED) == set(IDS)
    tests = {name for module in MODULES for name in vars(module) if name.startswith("test_")}
    assert {name for names in REPLAYED.values() for name in names} <= tests
