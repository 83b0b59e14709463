"""``wsgistatic explain`` says which delta a request gets, or why none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.deltas import DIGITS, NEW_BUNDLE, OLD_BUNDLE, offer, write
from wsgistatic.__main__ import main

DELTA = f"app.js.{DIGITS}.dcz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    old = write(tmp_path / "old", {"app.js": OLD_BUNDLE})
    new = write(tmp_path / "new", {"app.js": NEW_BUNDLE, "a.html": b"page"})
    assert main(["compress", str(new), "--quiet", "--dictionaries-from", str(old)]) == 0
    return new


def explain(
    capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, url: str = "/app.js"
) -> str:
    fields = [word for item in offer(OLD_BUNDLE).items() for word in ("-H", ": ".join(item))]
    main(["explain", str(folder), url, *fields, *arguments])
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("dcz:")]
    return line


@pytest.mark.posix_output
def test_each_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = "--dictionaries"
    line = explain(capsys, folder, on)
    assert DELTA in line
    assert line.endswith("selected")
    assert explain(capsys, folder).endswith("disabled by the options")
    line = explain(capsys, folder, on, "-H", "Range: bytes=0-1")
    assert line.endswith("ranges are those of the file")
    line = explain(capsys, folder, on, "-H", "Available-Dictionary: :x:")
    assert line.endswith("not accepted, or the dictionary is malformed")
    write(folder, {f"a.html.{DIGITS}.dcz": b"delta"})
    assert explain(capsys, folder, on, url="/a.html").endswith("a type of file that has no deltas")
    line = explain(capsys, folder, on, "-H", "If-None-Match: *")
    assert line.endswith(("selected", "not needed for this response"))
    write(folder, {"app.js": NEW_BUNDLE.swapcase()})  # a rollback
    assert explain(capsys, folder, on).endswith("not known to hold the bytes of the file")
    os.utime(folder / "app.js")
    assert explain(capsys, folder, on).endswith("older than its file")
    write(folder, {"app.js": NEW_BUNDLE, DELTA: b"delta"})
    assert "not sent, since" in explain(capsys, folder, on)
    (folder / DELTA).unlink()
    assert explain(capsys, folder, on).endswith("does not exist")
