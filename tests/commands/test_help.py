"""The help of the commands, ``--version``, and mistyped commands."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import wsgistatic
from tests.documents import ROOT
from wsgistatic.__main__ import main
from wsgistatic.commands import compress, explain, serve
from wsgistatic.wsgi.options import OPTIONS

PROGRAMS = {
    "wsgistatic": [],
    "wsgistatic compress": ["compress"],
    "wsgistatic explain": ["explain"],
}

PARSERS = {
    "wsgistatic": serve._parser,
    "wsgistatic compress": compress._parser,
    "wsgistatic explain": explain._parser,
}


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def entry(text: str, flag: str) -> str:
    """Return what the help says about an option, on one line."""
    (found,) = re.findall(rf"^  {flag}(?![\w-]).*\n(?:       .*\n)*", text, re.M)
    return " ".join(found.split())


@pytest.mark.posix_output
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_usage_is_short_and_names_the_program(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(capsys, *PROGRAMS[program])
    usage = text.partition("\n\n")[0]
    assert usage.startswith(f"Usage: {program} [options] ")
    assert len(usage.splitlines()) <= 2
    assert max(map(len, text.splitlines())) <= 80
    assert "python -m" not in usage


def test_the_help_names_the_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys)
    assert entry(text, "compress").startswith("compress DIR ")
    assert entry(text, "explain").startswith("explain DIR URL ")
    assert "'python -m wsgistatic' is the same as 'wsgistatic'" in text


@pytest.mark.posix_output
@pytest.mark.parametrize("arguments", [[], ["explain"]])
def test_options_stand_under_their_headings(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(capsys, *arguments)
    headings = re.findall(r"^(\w.*):\n  ", text, re.M)
    assert headings[-5:] == [
        "Files and URLs", "Header fields", "Compression", "Memory and speed", "General options",
    ]  # fmt: skip
    assert text.index("Compression:") < text.index("--encodings") < text.index("Memory and speed:")


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--prefix", "/"),
        ("--index", "index.html"),
        ("--cache-control", "no-cache"),
        ("--cache-size", "48 MiB"),
        ("--cache-file-size", "1 MiB"),
        ("--block-size", "256 KiB"),
        ("--stat-ttl", "0"),
        ("--max-ranges", "200"),
        ("--encodings", "zstd,br,gzip"),
        ("--fallback", "none"),
        ("--dotfiles", "off"),
        ("--listing", "on"),
        ("--port", "8000"),
        ("--host", "127.0.0.1"),
    ],
)
def test_defaults_are_written_for_people(
    flag: str, default: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(help_of(capsys), flag).endswith(f" [default: {default}]")


def test_the_help_of_an_option_is_that_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys)
    for name in ("symlinks", "nosniff", "offload"):
        assert OPTIONS[name].help in entry(text, "--" + name)
    assert "With none, the field is not sent." in entry(text, "--cache-control")
    assert "function" not in text
    flags = ("--headers", "--media-types", "--etag", "--offload")
    assert OPTIONS["offload_headers"].help in entry(text, "--offload-headers")
    repeated = [flag for flag in flags if "Can be repeated." in entry(text, flag)]
    assert repeated == ["--headers", "--media-types"]


def test_the_help_of_compress(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys, "compress")
    assert entry(text, "--min-size").endswith("[default: 256 bytes]")
    assert entry(text, "--min-saving").endswith("[default: 5 percent]")


def flags_of(program: str) -> set[str]:
    parser = PARSERS[program]()
    flags = (action.option_strings or [str(action.metavar)] for action in parser._actions)
    return {*itertools.chain(*flags), *parser.switches}


def documented(program: str) -> dict[str, tuple[set[str], str]]:
    """Return the flags and the text of each option that the reference describes for a program."""
    page = (ROOT / "docs" / "reference" / "command-line.rst").read_text()
    section = page.partition(f".. program:: {program}\n")[2].partition(".. program::")[0]
    entries = re.findall(r"^\.\. option:: (.*)\n((?:    .*\n|\n)+)", section, re.M)
    return {
        head: ({re.split(r"[ [=]", text)[0] for text in head.split(", ")}, text)
        for head, text in entries
    }


@pytest.mark.parametrize("program", PARSERS)
def test_every_option_is_documented(program: str) -> None:
    described = {*itertools.chain(*(flags for flags, _ in documented(program).values()))}
    expected = flags_of(program)
    if program == "wsgistatic explain":
        # Its page refers to the options of StaticFiles, which are described once.
        serving = flags_of("wsgistatic") - {"DIR", "-h", "--help", "--version"}
        assert "--cache-control" in expected & serving
        expected -= serving
    assert described == expected


@pytest.mark.parametrize("program", PARSERS)
def test_every_option_is_documented_with_its_default(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    help = help_of(capsys, *PROGRAMS[program])
    for head, (flags, text) in documented(program).items():
        if flags & {"--help", "--version"}:
            continue
        said = " ".join(text.replace("``", "").split())
        if "Required." not in said:
            first = head.partition(",")[0].partition("[")[0].partition(" ")[0]
            (shown,) = re.findall(r"\[default: (.*)\]", entry(help, first)) or [""]
            assert f"The default is {shown}" in said, head


@pytest.mark.parametrize("program", PARSERS)
def test_every_option_is_documented_with_an_example_that_works(
    program: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # With and without ``--prefix /static/``, /static/app.js is a file.
    for name in ("app.js", "static/app.js", "index.html", "404.html"):
        (tmp_path / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "static" / name).write_text("hello" * 100)
    (tmp_path / "last").mkdir()
    monkeypatch.chdir(tmp_path)
    serving = flags_of("wsgistatic") & flags_of("wsgistatic explain") - {"-h", "DIR"}
    for head, (flags, text) in documented(program).items():
        (example,) = re.findall(rf"::\n\n        {program} (.*)\n", text) or [""]
        words = shlex.split(example)
        names = {word.partition("=")[0] for word in words}
        assert names & flags or (flags <= {"DIR", "URL"} and len(words) > 0), head
        if program != "wsgistatic":
            words = [*PROGRAMS[program], *words]
        elif flags & serving - {"--help", "--version"}:
            # Unlike the server, this ends, and it checks the values of the options.
            words = ["explain", "static", "/static/app.js", *words]
        else:
            words = [*words, "--version"]  # does not begin to serve
        status: object
        try:
            status = main(words)
        except SystemExit as stopped:
            status = stopped.code
        assert status == 0, f"{example}\n{capsys.readouterr().err}"


@pytest.mark.posix_output
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*PROGRAMS[program], "--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"wsgistatic {wsgistatic.__version__}\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_error_points_to_the_help(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*PROGRAMS[program], "--symlink", "deny"])
    assert stopped.value.code == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"{program}: error: unknown option --symlink")
    assert hint == f"See '{program} --help'."


@pytest.mark.parametrize(
    ("mistyped", "meant"), [("compres", "compress"), ("explian", "explain"), ("exlpain", "explain")]
)
def test_a_mistyped_command_is_answered_with_the_right_one(
    mistyped: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([mistyped, "static", "/app.js"]) == 1
    assert capsys.readouterr().err == (
        f"wsgistatic: there is no directory {mistyped}; did you mean the command {meant}?\n"
    )


@pytest.mark.posix_output
@pytest.mark.parametrize("name", ["nowhere", "./compres", "./compress"])
def test_other_missing_directories_are_not_taken_for_commands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([name]) == 1
    assert capsys.readouterr().err == f"wsgistatic: there is no directory {name}\n"


def test_a_directory_whose_name_is_close_to_a_command_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compres").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wsgistatic.__main__.serve", len)
    assert main(["compres", "--port", "0"]) == 3


@pytest.mark.posix_output
def test_arguments_after_two_dashes_are_not_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--", "--prefx"]) == 1
    assert capsys.readouterr().err == "wsgistatic: there is no directory --prefx\n"


def test_a_value_with_a_space_is_not_an_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["explain", str(tmp_path), "/", "-H", "--x: y z", "--etag", "md5"])
    assert "--etag must be one of" in capsys.readouterr().err


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wsgistatic", "--no-such"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("wsgistatic: error: unknown option --no-such")
