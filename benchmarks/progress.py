"""A progress bar on stderr where somebody looks at it: tqdm's, or a plain line without tqdm."""

from __future__ import annotations

import sys
from importlib import import_module
from types import TracebackType
from typing import Any


class Progress:
    """``with Progress(60, "inprocess") as progress: progress.advance()``."""

    def __init__(self, total: int, title: str) -> None:
        self._total = total
        self._title = title
        self._done = 0
        self._bar: Any = None
        try:
            tqdm = import_module("tqdm").tqdm
        except ModuleNotFoundError:
            self._plain = sys.stderr.isatty()
        else:
            self._plain = False
            self._bar = tqdm(total=total, desc=title, unit="round", leave=False, disable=None)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._plain:
            sys.stderr.write("\r\x1b[K")

    def advance(self, note: str = "") -> None:
        """Count one step as done."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update()
        elif self._plain:
            sys.stderr.write(f"\r{self._title}: {self._done} of {self._total} {note}\x1b[K")
            sys.stderr.flush()
