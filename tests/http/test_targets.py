"""Request targets, and the hosts in them and in Host."""

from __future__ import annotations

import pytest

from wsgistatic.http.targets import host_of, is_host_valid, split_target


@pytest.mark.parametrize(
    ("target", "authority", "origin"),
    [
        ("/a?b", None, "/a?b"),
        ("*", None, "*"),
        ("http://h.example/a?b", "h.example", "/a?b"),
        ("HTTP://[::1]:80/", "[::1]:80", "/"),
        ("http://h", "h", "/"),
        ("http://h?a/./b", "h", "/?a/./b"),
        ("http:///a", "", "/a"),
        ("https://h/a", None, "https://h/a"),
        ("//h/a", None, "//h/a"),
        ("/./a:b/./c/./d:e?/./f:g", None, "/a:b/./c/d:e?/./f:g"),
        ("/./a/b:c", None, "/./a/b:c"),
        ("/a/../b?/./", None, "/a/../b?/./"),
        ("/a./b/.c", None, "/a./b/.c"),
        ("/x?http://h/", None, "/x?http://h/"),
    ],
)
def test_targets(target: str, authority: str | None, origin: str) -> None:
    assert split_target(target) == (authority, origin)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Example.COM:8000", "example.com"),
        ("example.com.", "example.com"),
        ("localhost:", "localhost"),
        ("[::1]:8000", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("a_b-c.example", "a_b-c.example"),
        ("", None), (".", None), (".a", None), ("a b", None), ("a:b", None), ("a,b", None),
        ("u@a", None), ("::1", None), ("[::1", None), ("a/b", None), ("a\n", None), ("é", None),
        ("a:80:80", None),
    ],
)  # fmt: skip
def test_hosts(authority: str, host: str | None) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("hosts", "authority", "required", "valid"),
    [
        (["a"], None, True, True),
        ([], None, False, True),
        ([], None, True, False),
        ([], "a", True, False),
        ([], "a", False, True),
        (["a", "a"], None, False, False),
        (["a b"], None, True, False),
        (["a b"], "a", True, True),
        (["a"], "", True, False),
    ],
)
def test_one_valid_host_is_needed(
    hosts: list[str], authority: str | None, required: bool, valid: bool
) -> None:
    assert is_host_valid(hosts, authority, required=required) == valid
