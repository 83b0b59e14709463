"""The documentation's table of features: wsgistatic's column, probed again."""

from __future__ import annotations

import re

import pytest

from benchmarks.features import FEATURES, Feature, contenders, probe
from tests.documents import DOCUMENTATION

# The other modes of the memory cache change what the options are set to.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]


def _rows(first_cell: str) -> list[dict[str, str]]:
    """Return the rows of the documented table whose header begins with a cell."""
    above, _, table = DOCUMENTATION.partition(f"\n{first_cell}  ")
    rule = above.splitlines()[-1]
    spans = [found.span() for found in re.finditer("=+", rule)]
    header, _, *rows = f"{first_cell}  {table}".splitlines()
    cells = [[row[slice(*span)].strip() for span in spans] for row in (header, *rows)]
    end = rows.index(rule)
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1 : end + 1]]


def _column() -> dict[str, str]:
    """Return wsgistatic's verdicts in the documentation by the titles of the rows."""
    return {row["feature"]: row["wsgistatic"] for row in _rows("feature")}


def test_the_readme_has_rows_of_the_table() -> None:
    complete = {row["feature"]: row for row in _rows("feature")}
    rows = _rows("what you get")
    assert len(rows) == 8
    for row in rows:
        for peer in ("wsgistatic", "WhiteNoise", "ServeStatic", "Werkzeug"):
            assert row[peer] == complete[row["what you get"]][peer].partition(" ")[0], row


def test_every_feature_is_in_the_table() -> None:
    assert list(_column()) == [feature.title for feature in FEATURES]


_NEEDS = {
    "links-inside": pytest.mark.symlinks,
    "pipe": pytest.mark.special_files,
    "zipped": pytest.mark.unlocked_files,
}


@pytest.mark.parametrize(
    "feature",
    [
        pytest.param(one, id=one.key, marks=_NEEDS.get(one.key, ()))
        for one in FEATURES
        if not one.is_measured
    ],
)
def test_our_cell(feature: Feature) -> None:
    (ours,) = (one for one in contenders() if one.key == "wsgistatic")
    cell = probe(feature, ours)
    assert _column()[feature.title].partition(" ")[0] == cell.verdict, cell.reason
