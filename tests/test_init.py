"""The public names, and that the helpers come without the rest."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import wsgistatic


def test_every_public_name_is_there() -> None:
    for name in wsgistatic.__all__:
        home = import_module(f"wsgistatic.{wsgistatic._HOMES[name]}")
        assert getattr(wsgistatic, name) is vars(home)[name]
    assert set(wsgistatic._HOMES) == set(wsgistatic.__all__)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wsgistatic.nothing  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "from wsgistatic.http.ranges import get_ranges",
        "from wsgistatic import get_ranges, merge_ranges, content_range, plan_ranges, Validators",
    ],
)
def test_range_helpers_load_neither_middleware_nor_webob(statement: str) -> None:
    code = (
        f"import sys; {statement}; print([m for m in sys.modules if 'webob' in m or 'middle' in m])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "[]"


def test_the_mimetypes_table_of_the_process_is_left_alone() -> None:
    code = (
        "import mimetypes; before = (mimetypes.inited, dict(mimetypes.types_map)); "
        "from wsgistatic import StaticFiles, FileApp; "
        "assert before == (mimetypes.inited, dict(mimetypes.types_map))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
