"""Ctrl-Break of Windows, which stops the commands as Ctrl-C does."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from wsgistatic import servers
from wsgistatic.commands.compress import _sigterm_as_interrupt
from wsgistatic.servers import BoundServer

BREAK: Any = getattr(signal, "SIGBREAK", signal.SIGINT)


def test_ctrl_break_stops_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [signal.getsignal(number) for number in servers.SIGNALS]
    lines: list[str] = []
    try:
        bound = BoundServer("wsgiref", 1, lambda: signal.raise_signal(BREAK), lambda: None)
        servers.run(lambda: bound, lines.append)
    finally:
        for number, handler in zip(servers.SIGNALS, before, strict=True):
            signal.signal(number, handler)
    assert lines == ["Stopped."]


def test_ctrl_break_interrupts_the_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "SIGBREAK", BREAK, raising=False)  # Linux takes another for it
    before = signal.getsignal(BREAK)
    with pytest.raises(KeyboardInterrupt), _sigterm_as_interrupt():
        signal.raise_signal(BREAK)
    assert signal.getsignal(BREAK) is before
