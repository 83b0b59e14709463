"""Paths that the package reports have one form of separators."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.client import call_raw, make_environ
from wsgistatic import AnswerEvent, FileApp, StaticFiles
from wsgistatic.__main__ import main
from wsgistatic.compress import Compressor, compress_directory
from wsgistatic.validation import absolute_path, check_inner_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:/srv/site", r"C:\srv\site"),
        ("C:/srv/site/", r"C:\srv\site"),
        (r"C:\srv/sub\..\site", r"C:\srv\site"),
        ("//host/share/site", r"\\host\share\site"),
        (r"\\?\C:\srv\site", r"\\?\C:\srv\site"),
    ],
)
def test_absolute_path_of_windows(path: str, expected: str) -> None:
    assert absolute_path(path, windows=True) == expected


def test_path_of_windows_is_relative_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_path("a/b", windows=True) == str(tmp_path / "a" / "b").replace("/", "\\")
    assert absolute_path("a/b", windows=False) == os.path.join(tmp_path, "a/b")


def test_path_below_the_directory_has_slashes() -> None:
    check_inner_path("fallback", "app/index.html", separator="\\")
    check_inner_path("fallback", "app\\index.html", separator="/")
    with pytest.raises(ValueError, match=r"^fallback must be a path below the directory"):
        check_inner_path("fallback", "app\\index.html", separator="\\")


def test_events_and_functions_get_paths_of_the_platform(site: Path) -> None:
    events: list[AnswerEvent] = []
    given: list[str] = []

    def cache_control(path: str, url: str) -> None:
        given.append(path)

    root = str(site).replace(os.sep, "/")
    app = StaticFiles(
        None, root, on_answer=events.append, listing=True, cache_control=cache_control
    )
    for path in ("/sub/page.html", "/sub/", "/bare/"):
        assert call_raw(app, make_environ(path)).status == 200
    expected = [str(site / "sub" / "page.html"), str(site / "sub" / "index.html")]
    assert [event.path for event in events] == [*expected, str(site / "bare")]
    assert given == expected


def test_steps_of_explain_are_paths_of_the_platform(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(site).replace(os.sep, "/")
    for path in ("/sub/page.html", "/sub/nothing", "/bare/"):
        main(["explain", root, path])
    printed = capsys.readouterr().out
    assert str(site / "sub" / "page.html") in printed
    assert str(site / "sub" / "nothing") in printed
    if os.sep != "/":
        assert root not in printed


def test_results_of_compress_are_paths_of_the_platform(site: Path) -> None:
    page = site / "sub" / "page.html"
    page.write_bytes(b"<p>" * 1000)
    results = list(compress_directory(str(site).replace(os.sep, "/"), Compressor(["gzip"])))
    found = {result.path: [sidecar.path for sidecar in result.sidecars] for result in results}
    assert found[str(page)] == [f"{page}.gz"]


def test_file_below_the_directory_of_the_front_server(site: Path) -> None:
    front = ("X-Accel-Redirect", "/internal/", str(site).replace(os.sep, "/"))
    app = FileApp(str(site / "sub" / "page.html").replace(os.sep, "/"), offload=front)
    response = call_raw(app, make_environ("/"))
    assert response.headers["X-Accel-Redirect"] == "/internal/sub/page.html"
