"""``python -m wsgistatic compress DIR``: write the sidecars of a folder."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NoReturn

from wsgistatic.commands.output import Report, _fail, progress, take_any_name
from wsgistatic.compress.compressor import DEFAULT_MIN_SAVING, DEFAULT_MIN_SIZE, Compressor
from wsgistatic.compress.originals import Originals, find_originals
from wsgistatic.http.codings import CODINGS

_CLEAN, _FAILED, _INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str]) -> int:
    """Compress a folder; give the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    take_any_name()
    try:
        compressor = Compressor(
            options.codings,
            levels=options.level,
            min_size=options.min_size,
            min_saving=options.min_saving,
            force=options.force,
            dry_run=options.check,
        )
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    except ImportError as error:
        return _fail(str(error))
    try:
        with _stopped_by_a_signal():
            originals = find_originals(options.directory, options.exclude)
            return _compress(compressor, originals, options)
    except KeyboardInterrupt:
        _fail("interrupted; the sidecars that are there are whole")
        return _INTERRUPTED
    except OSError as error:
        if error.filename is None:
            raise  # the output's, not a file's
        return _fail(f"{error.filename}: {error.strerror}")


def _compress(compressor: Compressor, originals: Originals, options: argparse.Namespace) -> int:
    for path in originals.stale_drafts:
        compressor.remove(path)
    results = compressor.compress_files(originals.files, options.jobs)
    with closing(results), progress(originals.size, options.quiet) as bar:
        report = Report(options.directory, bar, options.check, options.quiet)
        for path, error in originals.errors:
            report.error(path, error)
        for path in originals.orphans if options.prune else ():
            compressor.remove(path)
            report.orphan(path)
        for result in results:
            report.result(result)
            bar.advance(result.size)
    if not options.quiet:
        report.print_table([coding.name for coding in compressor.codings], originals.skipped)
    return _FAILED if report.failed else _CLEAN


@contextmanager
def _stopped_by_a_signal() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wsgistatic compress",
        description="Write compressed copies (sidecars) beside the files of a folder, which are "
        "sent instead of them to clients that understand the coding.",
    )
    add = parser.add_argument
    add("directory", metavar="DIR", help="the folder")
    add(
        "--codings",
        type=lambda text: text.split(","),
        metavar="NAMES",
        help=f"of {','.join(coding.name for coding in CODINGS)} (default: all that are installed)",
    )
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave files and directories alone, by path below DIR or by name; may be repeated",
    )
    add(
        "--min-size",
        type=int,
        default=DEFAULT_MIN_SIZE,
        metavar="BYTES",
        help="of the smallest file (default: %(default)s)",
    )
    add(
        "--min-saving",
        type=float,
        default=DEFAULT_MIN_SAVING,
        metavar="PERCENT",
        help="that a sidecar must save (default: %(default)s)",
    )
    add(
        "--level",
        action=_Levels,
        default={},
        metavar="CODING=N",
        help="compress less, and faster (default: the highest level); may be repeated",
    )
    add(
        "--jobs",
        type=_positive,
        metavar="N",
        help="files at a time (default: the number of processors)",
    )
    add("--prune", action="store_true", help="remove sidecars whose file is gone")
    add("--quiet", action="store_true", help="print errors only")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--force", action="store_true", help="write what is up to date, too")
    mode.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if there is something to do"
    )
    return parser


class _Levels(argparse.Action):
    """Collects CODING=N pairs in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        name, _, level = str(values).partition("=")
        if not (level.isascii() and level.isdigit()):
            parser.error(f"{option_string} takes CODING=N, not {values!r}")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), name: int(level)})


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"a number of at least 1, not {text!r}")
    return int(text)
