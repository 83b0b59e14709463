"""``wsgistatic explain``: what it prints about each step, and its exit status."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import OLD, age, encoded, gzip_of_size, settle
from wsgistatic.__main__ import main

BR = encoded("br", b"x" * 5000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("canary")
    (root / "outside").symlink_to("../secret.txt")
    for name, size in (
        ("app.js", 5000),
        ("sub/index.html", 100),
        ("about.html", 200),
        ("page.txt", 300),
    ):
        (root / name).write_bytes(b"x" * size)
        age(root / name)
    (root / "app.js.br").write_bytes(BR)
    (root / "app.js.gz").write_bytes(gzip_of_size(gzip.compress(b"x" * 5000), 2000))
    for name in ("app.js.br", "app.js.gz"):
        age(root / name)
    settle()
    return root


class Told:
    """What the command printed, and its exit status."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.status = main(["explain", *map(str, arguments)])
        self.output = capsys.readouterr().out

    def finding(self, step: str) -> str:
        found = [line for line in self.output.splitlines() if line.startswith(f"{step}:")]
        assert len(found) == 1, self.output
        return found[0].removeprefix(f"{step}:").strip()

    def answer(self) -> list[str]:
        return self.output.partition("\n\n")[2].splitlines()


@pytest.mark.free_names
@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_a_file_name_cannot_forge_output(
    folder: Path, capsys: pytest.CaptureFixture[str], mode: list[str]
) -> None:
    name = "a\n::error::\x1b[31m\x9b\u202e.txt"
    (folder / name).write_bytes(b"x" * 100)
    told = Told(capsys, folder, f"/{quote(name)}", *mode)
    assert told.status == 0
    assert set(told.output).isdisjoint("\x1b\x9b\u202e")
    assert not any(line.startswith("::") for line in told.output.splitlines())
    assert "\\x0a::error::\\x1b[31m" in told.output or "\\n::error::\\u001b[31m" in told.output


@pytest.mark.posix_output
def test_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/static/page.txt?v=1#top", "--prefix", "/static/")
    assert told.status == 0
    assert told.finding("prefix") == "below /static/"
    assert told.finding("file") == (
        f"{folder}/page.txt: 300 bytes, modified Tue, 14 Nov 2023 22:13:20 GMT"
    )
    assert told.finding("gzip") == "page.txt.gz: does not exist"
    assert told.finding("identity") == "page.txt: 300 bytes, selected"
    assert told.answer()[:3] == [
        "200 OK",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: 300",
    ]


@pytest.mark.parametrize(
    ("options", "findings"),
    [
        (
            ["-H", "Accept-Encoding: gzip, br"],
            {"br": f"{len(BR)} bytes, selected",
             "gzip": "2,000 bytes, not smaller than the selected file",
             "identity": "5,000 bytes, wanted less"},
        ),
        (
            ["-H", "Accept-Encoding: gzip", "--header", "accept-encoding: br;q=0.5, identity;q=0"],
            {"br": f"{len(BR)} bytes, wanted less", "gzip": "2,000 bytes, selected",
             "identity": "5,000 bytes, not accepted"},
        ),
        (
            ["-H", "Accept-Encoding: gzip, br", "--encodings", "gzip"],
            {"br": f"{len(BR)} bytes, disabled by the options", "gzip": "2,000 bytes, selected"},
        ),
        (
            ["-H", "Accept-Encoding: gzip", "--offload", "X-Sendfile:/srv"],
            {"gzip": "2,000 bytes, disabled by the options", "identity": "5,000 bytes, selected"},
        ),
        (
            ["-H", "Accept-Encoding: gzip", "--offload", "X-Accel-Redirect:/srv"],
            {"gzip": "2,000 bytes, selected"},
        ),
        ([], {"br": f"{len(BR)} bytes, wanted less", "identity": "5,000 bytes, selected"}),
    ],
)  # fmt: skip
def test_codings(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    findings: dict[str, str],
) -> None:
    told = Told(capsys, folder, "/app.js", *options)
    assert told.status == 0
    for coding, finding in findings.items():
        assert told.finding(coding).partition(": ")[2] == finding


@pytest.mark.symlinks
def test_sidecars_that_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.utime(folder / "app.js.gz", (OLD - 1, OLD - 1))
    (folder / "app.js.br").unlink()
    (folder / "app.js.br").symlink_to("../secret.txt")
    told = Told(capsys, folder, "/app.js", "-H", "Accept-Encoding: gzip, br")
    assert told.finding("gzip") == "app.js.gz: 2,000 bytes, older than its file"
    assert told.finding("br") == "app.js.br: a link that leads outside the directory"
    assert told.finding("identity") == "app.js: 5,000 bytes, selected"


def test_a_sidecar_of_another_version(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "app.js").write_bytes(b"y" * 5000)
    age(folder / "app.js")
    told = Told(capsys, folder, "/app.js", "-H", "Accept-Encoding: gzip, br")
    assert told.finding("br") == f"app.js.br: {len(BR)} bytes, not sent, since it holds other bytes"
    assert told.finding("gzip") == "app.js.gz: 2,000 bytes, not sent, since it holds other bytes"
    assert told.finding("identity") == "app.js: 5,000 bytes, selected"


@pytest.mark.parametrize(
    ("field", "gzip_finding", "identity_finding"),
    [
        ("gzip", "selected", "icon.svgz: decoded only for clients that want it more"),
        ("br", "not accepted, or wanted less",
         "icon.svgz: 5,000 bytes, selected, and decoded as it is sent"),
    ],
)  # fmt: skip
def test_a_file_that_is_stored_in_a_coding(
    folder: Path, capsys: pytest.CaptureFixture[str], field: str, gzip_finding: str,
    identity_finding: str,
) -> None:  # fmt: skip
    (folder / "icon.svgz").write_bytes(gzip_of_size(gzip.compress(b"x" * 5000), 2000))
    settle()
    told = Told(capsys, folder, "/icon.svgz", "-H", f"Accept-Encoding: {field}")
    assert told.finding("gzip") == f"icon.svgz: 2,000 bytes, {gzip_finding}"
    assert told.finding("identity") == identity_finding
    assert "Content-Type: image/svg+xml" in told.answer()


def test_a_coding_made_in_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/page.txt", "--compress", "-H", "Accept-Encoding: gzip")
    assert told.finding("identity") == "page.txt: 300 bytes, compressed to gzip in memory"


@pytest.mark.posix_output
@pytest.mark.parametrize(
    ("url", "step", "finding"),
    [
        ("/none.txt", "file", "{folder}/none.txt: does not exist"),
        ("/outside", "file", "{folder}/outside: a link that leads outside the directory"),
        ("/.git/x", "path", "/.git/x: a name that begins with a dot"),
        ("http://www.example.com//a%00", "path", "//a\\x00: not the canonical spelling of a path"),
        ("/%c3%bc.txt", "file", "{folder}/ü.txt: does not exist"),
        ("/ü.txt", "file", "{folder}/ü.txt: does not exist"),
    ],
)
def test_misses(
    folder: Path, capsys: pytest.CaptureFixture[str], url: str, step: str, finding: str
) -> None:
    told = Told(capsys, folder, url)
    assert told.status == 1
    assert told.finding(step) == finding.format(folder=folder)
    assert told.finding("miss") == "a wrapped app gets the request"
    assert told.answer()[0] == "404 Not Found"


def test_what_is_not_below_the_prefix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/page.txt", "--prefix", "ü")
    assert told.status == 1
    assert told.output == "prefix:    not below /ü/: the wrapped app gets the request\n"


def test_a_method(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/page.txt", "--method", "PUT")
    assert told.status == 1
    assert told.finding("method") == "PUT: a wrapped app gets the request"
    assert told.answer()[0] == "405 Method Not Allowed"


@pytest.mark.parametrize(
    ("fields", "status", "code", "finding"),
    [
        (["Range: bytes=0-9"], 0, "206 Partial Content", "bytes sent: 0 to 9"),
        (["Range: bytes=0-1,5-"], 0, "206 Partial Content",
         "bytes sent: 0 to 1, 5 to 299"),
        (["Range: bytes=900-"], 1, "416 Range Not Satisfiable", "no bytes sent: see the status"),
        (["Range: lines=1-2"], 0, "200 OK",
         "ignored: not of the form bytes=FIRST-LAST, or too many"),
        (["Range: bytes=0-9", 'If-Range: "other"'], 0, "200 OK",
         "ignored: If-Range is not a strong validator of this version"),
        (["Range: bytes=" + ",".join(f"{n}-{n}" for n in range(0, 300, 2))], 0, "200 OK",
         "ignored: the parts would be larger than the whole"),
    ],
)  # fmt: skip
def test_ranges(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    fields: list[str],
    status: int,
    code: str,
    finding: str,
) -> None:
    told = Told(capsys, folder, "/page.txt", *(part for field in fields for part in ("-H", field)))
    assert told.status == status
    assert told.answer()[0] == code
    assert told.finding("range") == finding


def test_a_range_of_head(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/page.txt", "--method", "HEAD", "-H", "Range: bytes=0-9")
    assert told.finding("range") == "ignored: Range applies to GET only"


def test_a_range_of_a_response_without_ranges(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "long").mkdir()
    for number in range(3000):
        (folder / f"long/{number:0100}").touch()
    for arguments in (["/long/"], ["/page.txt", "--offload", "X-Accel-Redirect:/i/"]):
        told = Told(capsys, folder, *arguments, "-H", "Range: bytes=0-9")
        assert told.answer()[0] == "200 OK"
        assert told.finding("range") == "ignored: this response offers no byte ranges"


@pytest.mark.posix_output
def test_directories(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/sub/")
    assert told.finding("file").startswith(f"{folder}/sub/index.html: 100 bytes")
    assert told.finding("identity") == "index.html: 100 bytes, selected"
    told = Told(capsys, folder, "/sub")
    assert told.finding("file").startswith(f"{folder}/sub/index.html: 100 bytes")
    assert told.answer()[:2] == ["301 Moved Permanently", "Location: sub/"]
    assert told.status == 0
    told = Told(capsys, folder, "/")
    assert told.finding("file") == f"{folder}: a directory without an index"
    assert told.finding("listing") == "a page that lists the directory"
    assert told.status == 0
    assert Told(capsys, folder, "/sub/", "--index", "none", "--no-listing").status == 1


@pytest.mark.posix_output
def test_a_clean_url(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/about", "--clean-urls")
    assert told.finding("file") == f"{folder}/about: does not exist"
    assert told.finding("clean URL").startswith(f"{folder}/about.html: 200 bytes")
    assert told.finding("identity") == "about.html: 200 bytes, selected"
    assert told.status == 0
    told = Told(capsys, folder, "/about.html", "--clean-urls")
    assert told.finding("file").startswith(f"{folder}/about.html: 200 bytes")
    assert told.answer()[:2] == ["301 Moved Permanently", "Location: about"]
    assert told.status == 0


@pytest.mark.posix_output
def test_a_fallback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (folder, "/user/7", "--fallback", "sub/index.html", "--not-found", "page.txt")
    told = Told(capsys, *asked, "-H", "Accept: text/html")
    assert told.finding("fallback").startswith(f"{folder}/sub/index.html: 100 bytes")
    assert told.finding("app") == "a wrapped app gets the request first"
    assert told.finding("identity") == "index.html: 100 bytes, selected"
    told = Told(capsys, *asked, "-H", "Sec-Fetch-Dest: script")
    assert told.finding("fallback") == "for navigations that do not name an asset"
    assert "identity" not in told.output
    assert told.status == 1


@pytest.mark.posix_output
def test_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, folder, "/app.js", "--json", "-H", "Range: bytes=0-9")
    values: dict[str, Any] = json.loads(told.output)
    assert values["served"] is True
    assert values["status"] == "206 Partial Content"
    assert ["Content-Range", "bytes 0-9/5000"] in values["headers"]
    assert values["path"] == f"{folder}/app.js"
    assert values["ranges"] == [[0, 10]]
    assert values["bytes_planned"] == 10
    assert values["refused"] is None
    assert values["steps"][0] == {"step": "prefix", "finding": "below /"}
    assert {
        "path": f"{folder}/app.js.br",
        "coding": "br",
        "size": len(BR),
        "finding": "wanted less",
    } in values["candidates"]
    values = json.loads(Told(capsys, folder, "/a", "--json", "--prefix", "b").output)
    assert values["served"] is False
    assert values["status"] is values["path"] is values["refused"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["page.txt"], "a URL must begin with / or http://, not 'page.txt'"),
        (["/", "-H", "Range"], "a header field must be NAME: VALUE, not 'Range'"),
        (["/", "--etag", "md5"], "--etag must be one of"),
    ],
)
def test_usage_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["explain", str(folder), *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "nowhere", "/"]) == 1
    assert "there is no directory nowhere" in capsys.readouterr().err


@pytest.mark.special_files
@pytest.mark.parametrize(
    "options",
    [[], ["--no-listing"], ["--index", "none"], ["--symlinks", "follow"],
     ["--clean-urls", "--fallback", "about.html", "--not-found", "page.txt"]],
)  # fmt: skip
def test_whatever_is_asked_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    os.mkfifo(folder / "pipe")
    for first in ("app.js", "app.js.gz", "sub", "about", "about.html", "pipe", "outside", ".x", ""):
        for path in (f"/{first}", f"/{first}/", f"/{first}/index.html"):
            for method in ("GET", "HEAD", "POST"):
                told = Told(capsys, folder, path, "--method", method, *options)
                assert told.status == (told.answer()[0] > "4")
                assert told.finding("prefix") == "below /"
