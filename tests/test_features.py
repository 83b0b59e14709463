"""The documentation's table of features: wsgistatic's column, probed again."""

from __future__ import annotations

import re

import pytest

from benchmarks.features import FEATURES, Feature, contenders, probe
from tests.documents import DOCUMENTATION

# The other modes of the memory cache change what the options are set to.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]


def _column() -> dict[str, str]:
    """Return wsgistatic's verdicts in the documentation by the titles of the rows."""
    above, _, table = DOCUMENTATION.partition("\nfeature  ")
    rule = above.splitlines()[-1]
    first, second = (found.span() for found in list(re.finditer("=+", rule))[:2])
    rows = table.splitlines()[2:]
    rows = rows[: rows.index(rule)]
    return {row[slice(*first)].strip(): row[slice(*second)].strip() for row in rows}


def test_every_feature_is_in_the_table() -> None:
    assert list(_column()) == [feature.title for feature in FEATURES]


@pytest.mark.parametrize(
    "feature",
    [pytest.param(one, id=one.key) for one in FEATURES if not one.is_measured],
)
def test_our_cell(feature: Feature) -> None:
    (ours,) = (one for one in contenders() if one.key == "wsgistatic")
    cell = probe(feature, ours)
    assert _column()[feature.title].partition(" ")[0] == cell.verdict, cell.reason
