"""Every advisory is replayed both over a socket and by calling the app, and nothing else is."""

from __future__ import annotations

from tests.security import (
    test_attacks_over_http,
    test_hostile_environs,
    test_resource_limits,
    test_symlink_races,
    test_windows_names,
)
from tests.security.advisories import IDS, REPLAYED

DIRECT = (test_hostile_environs, test_symlink_races, test_resource_limits, test_windows_names)
ONLY_OVER_A_SOCKET = {"request smuggling"}  # a WSGI call is one request; nothing can follow it


def names_in(*modules: object) -> set[str]:
    return {name for module in modules for name in vars(module) if name.startswith("test_")}


def test_every_advisory_is_replayed() -> None:
    assert len(set(IDS)) == len(IDS)
    assert set(REPLAYED) == set(IDS)
    replays = {name for names in REPLAYED.values() for name in names}
    assert replays <= names_in(test_attacks_over_http, *DIRECT)
    assert names_in(test_attacks_over_http).isdisjoint(names_in(*DIRECT))


def test_every_advisory_is_replayed_over_a_socket() -> None:
    tests = names_in(test_attacks_over_http)
    assert [advisory for advisory in IDS if tests.isdisjoint(REPLAYED[advisory])] == []


def test_every_advisory_is_replayed_by_a_call() -> None:
    tests = names_in(*DIRECT)
    missing = {advisory for advisory in IDS if tests.isdisjoint(REPLAYED[advisory])}
    assert missing == ONLY_OVER_A_SOCKET
