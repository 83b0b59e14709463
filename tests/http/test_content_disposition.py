"""Content-Disposition (RFC 6266, RFC 8187)."""

from __future__ import annotations

import email.message
import os
import subprocess
import sys
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.http.fields import check_field_value, content_disposition


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("a b(1).txt", 'attachment; filename="a b(1).txt"'),
        (
            "\u20ac rates.txt",
            "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt",
        ),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("a/b\\c", 'attachment; filename="a_b_c"'),
        ("\udcff", "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD"),
        ("a\ud800", "attachment; filename=\"a_\"; filename*=UTF-8''a%EF%BF%BD"),
        ("\udce2\udc82\udcac", "attachment; filename=\"___\"; filename*=UTF-8''%E2%82%AC"),
        ("~'()*", 'attachment; filename="~\'()*"'),
    ],
)
def test_content_disposition(name: str, value: str) -> None:
    assert content_disposition("attachment", name) == value


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\")))
def test_any_name_can_be_read_back(name: str) -> None:
    value = content_disposition("inline", name)
    check_field_value("value", value)
    assert value.isascii()
    if "filename*" in value:
        message = email.message.Message()
        message["Content-Disposition"] = value
        parameter = message.get_param("filename", header="Content-Disposition")
        encoded = value.partition("filename*=UTF-8''")[2]
        assert isinstance(parameter, (str, tuple))
        assert unquote(encoded, errors="strict") == name
    else:
        assert value == f'inline; filename="{name}"'


def test_locale_does_not_matter() -> None:
    code = (
        "from wsgistatic.http.fields import content_disposition\n"
        "print(content_disposition('inline', '\\u20ac.txt'))"
    )
    environ = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "inline; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt\n"
