"""Runs the probes, and sets the table."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.features import changes, codings, conditions, ranged, safety, sites
from benchmarks.features.bench import Bench, Feature, Partly
from benchmarks.features.contenders import Contender
from benchmarks.machine import this_machine
from benchmarks.scenarios import Unable

FEATURES: tuple[Feature, ...] = (
    *changes.FEATURES,
    *conditions.FEATURES,
    *ranged.FEATURES,
    *codings.FEATURES,
    *safety.FEATURES,
    *sites.FEATURES,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a probe found: "yes", "no", "partly" or a figure, and why."""

    verdict: str
    reason: str = ""


def probe(feature: Feature, contender: Contender) -> Cell:
    """Find out whether a contender has a feature."""
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files that a peer leaves to the collector
        try:
            return Cell(feature.probe(Bench(contender, root)) or "yes")
        except Partly as reason:
            return Cell("partly", str(reason))
        except Unable as reason:
            return Cell("no", str(reason))
        except Exception as error:
            return Cell("no", f"raises {type(error).__name__}")


class Report:
    """The table.

    Arguments:
        contenders: the columns.
        cells: by the keys of feature and contender.
    """

    def __init__(self, contenders: Sequence[Contender], cells: dict[tuple[str, str], Cell]) -> None:
        self._contenders = contenders
        self._cells = cells

    def __str__(self) -> str:
        reasons: list[str] = []
        rows = [("", *(one.name for one in self._contenders))]
        for feature in FEATURES:
            cells = [self._cells[feature.key, one.key] for one in self._contenders]
            rows.append((feature.title, *(_text(cell, reasons) for cell in cells)))
        versions = ", ".join(
            f"{one.distribution} {one.version}"
            for one in self._contenders
            if one.name != "autorefresh"
        )
        notes = [f"{_letters(place)}. {reason}" for place, reason in enumerate(reasons)]
        return "\n".join([*_simple_table(rows), "", f"{versions}.", "", *notes])

    def json(self) -> dict[str, Any]:
        """Give everything, each reason included."""
        return {
            "machine": str(this_machine()),
            "versions": {one.distribution: one.version for one in self._contenders},
            "features": {
                feature.key: {
                    "title": feature.title,
                    "cells": {
                        one.key: {"verdict": cell.verdict, "reason": cell.reason}
                        for one in self._contenders
                        for cell in [self._cells[feature.key, one.key]]
                    },
                }
                for feature in FEATURES
            },
        }


def _text(cell: Cell, reasons: list[str]) -> str:
    if cell.verdict != "partly":
        return cell.verdict
    if cell.reason not in reasons:
        reasons.append(cell.reason)
    return f"partly {_letters(reasons.index(cell.reason))}"


def _letters(place: int) -> str:
    return chr(ord("a") + place)


def _simple_table(rows: list[tuple[str, ...]]) -> list[str]:
    """Set a simple table of reStructuredText; an empty first cell would end a row."""
    head, *others = [(row[0] or "feature", *row[1:]) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *others, strict=True)]
    rule = " ".join("=" * width for width in widths)
    lines = [
        " ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *others)
    ]
    return [rule, lines[0], rule, *lines[1:], rule]
