"""``wsgistatic compress DIR``: write compressed copies (sidecars) of files."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from wsgistatic.commands.options import Convert, Parser, help_text
from wsgistatic.commands.output import Report, escape_undecodable_names, fail, progress_bar
from wsgistatic.compress.compressor import DEFAULT_MIN_SAVING, DEFAULT_MIN_SIZE, Compressor
from wsgistatic.compress.deltas import dictionaries_from
from wsgistatic.compress.originals import Originals, find_originals
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.dictionaries import DCZ
from wsgistatic.wsgi.options import size_from_text

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str]) -> int:
    """Compress the files of a directory and return the exit status."""
    parser = _parser()
    options = parser.parse(arguments)
    escape_undecodable_names()
    try:
        compressor = Compressor(
            options.codings,
            levels=options.levels,
            min_size=options.min_size,
            min_saving=options.min_saving,
            force=options.force,
            dry_run=options.check,
        )
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    except ImportError as error:
        return fail(str(error))
    try:
        with _sigterm_as_interrupt():
            originals = find_originals(options.directory, options.exclude)
            return _compress(compressor, originals, options)
    except ImportError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted; the sidecars that were written are complete", _INTERRUPTED)
    except OSError as error:
        if error.filename is None:
            raise  # about standard output, not about a file
        return fail(f"{error.filename}: {error.strerror}")


def _compress(compressor: Compressor, originals: Originals, options: argparse.Namespace) -> int:
    dictionaries = dictionaries_from(options.dictionaries_from)
    results = compressor.compress_files(originals.files, options.jobs, dictionaries)
    with closing(results), progress_bar(originals.size, options.quiet) as bar:
        report = Report(options.directory, bar, is_check=options.check, quiet=options.quiet)
        for path, error in originals.errors:
            report.error(path, error)
        for draft in originals.stale_drafts:
            with report.errors_of(draft.path):
                compressor.remove_draft(draft)
        for orphan in originals.orphans if options.prune else ():
            is_removed = False
            with report.errors_of(orphan.path):
                is_removed = compressor.remove_orphan(orphan)
            if is_removed:
                report.orphan(orphan.path)
        for delta in originals.deltas if options.prune else ():
            is_removed = False
            with report.errors_of(delta.path):
                is_removed = compressor.remove_old_delta(delta, dictionaries)
            if is_removed:
                report.old_delta(delta.path)
        for result in results:
            report.result(result)
    if not options.quiet:
        codings = [coding.name for coding in compressor.codings]
        report.print_table(codings + [DCZ] * (dictionaries is not None), originals.skipped)
    return 1 if report.failed else 0


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    # SIGBREAK is Ctrl-Break of Windows.
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGBREAK")]
    before = {one: signal.signal(one, signal.default_int_handler) for one in numbers if one}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _parser() -> Parser:
    parser = Parser(
        "wsgistatic compress",
        "[options] DIR",
        "Write compressed copies (sidecars) beside the files of a directory. The server\n"
        "sends them to clients that accept their coding.",
        "The exit status is 1 if a file cannot be compressed, or if --check finds work.",
    )
    add = parser.add_argument_group("Arguments").add_argument
    add("directory", metavar="DIR", help="Directory whose files are compressed.")
    group = parser.add_argument_group("Which files")
    help = "Skip files and directories whose path below DIR, or whose name, matches."
    help += " Can be repeated."
    group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help=help)
    add = partial(group.add_argument, action=Convert)
    help = "Size of the smallest file that is compressed, in bytes or such as 4 KiB."
    help = help_text(help, f"{DEFAULT_MIN_SIZE} bytes")
    add("--min-size", convert=size_from_text, default=DEFAULT_MIN_SIZE, metavar="SIZE", help=help)
    help = "How much smaller than its file a sidecar must be."
    help = help_text(help, f"{DEFAULT_MIN_SAVING:g} percent")
    add("--min-saving", convert=_percent, default=DEFAULT_MIN_SAVING, metavar="PERCENT", help=help)
    help = "Directory of an older release. Deltas against its files are written, for the option"
    help += " dictionaries of the server. Needs zstd. Can be repeated."
    option, default = "--dictionaries-from", list[str]()
    group.add_argument(option, action="append", default=default, metavar="OLD_DIR", help=help)
    help = "Remove sidecars that have lost their file. Downloads such as data.csv.gz stay."
    help += " Also remove deltas against versions that are no longer wanted."
    group.add_argument("--prune", action="store_true", help=help)
    add = partial(parser.add_argument_group("Compression").add_argument, action=Convert)
    help = f"Content codings to write. Available: {','.join(CODINGS)}."
    help = help_text(help, "all whose library is installed")
    add("--codings", convert=lambda _, text: text.split(","), metavar="NAMES", help=help)
    help = "Level of a coding; lower ones are faster. Can be repeated."
    help = help_text(help, "the highest level of each coding")
    add("--level", dest="levels", convert=_level, default={}, metavar="CODING=N", help=help)
    help = help_text("Number of files to compress at a time.", "the number of processors")
    add("--jobs", convert=_jobs, metavar="N", help=help)
    group = parser.add_argument_group("Mode")
    add = group.add_mutually_exclusive_group().add_argument
    help = "Also write sidecars that are up to date, and replace those of other tools."
    add("--force", action="store_true", help=help)
    add("--check", action="store_true", help="Write nothing. Exit with 1 if there is work to do.")
    group.add_argument("--quiet", action="store_true", help="Print nothing but errors.")
    parser.add_general_options()
    return parser


def _percent(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} must be a percentage, not {text!r}") from None


def _level(option: str, text: str) -> dict[str, int]:
    name, _, level = text.partition("=")
    if not (level.isascii() and level.isdigit()):
        raise ValueError(f"{option} must be written as CODING=N, such as br=9, not {text!r}")
    return {name: int(level)}


def _jobs(option: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{option} must be a whole number of at least 1, not {text!r}")
    return int(text)
