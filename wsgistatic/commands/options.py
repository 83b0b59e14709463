"""The command-line parser, and the options of ``StaticFiles`` on the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from wsgistatic import __version__
from wsgistatic.commands.output import printable
from wsgistatic.validation import closest_name
from wsgistatic.wsgi import options as table
from wsgistatic.wsgi.options import Converter, Option, size_to_text

# Options that are useless on the command line, which wraps no app, needs an existing directory and
# makes no pages.
_LEFT_OUT = {"check_dir", "no_store_misses", "strict_urls"}
# Someone who serves a directory from a shell is often still changing its files.
_DEFAULTS = {"cache_control": "no-cache", "listing": True}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors name options as they are written on the command line.

    The usage excludes the name of the program. The description has at most 80 characters a line.
    """

    def __init__(self, prog: str, usage: str, description: str, epilog: str = "") -> None:
        super().__init__(prog, f"{prog} {usage}", description, epilog, add_help=False)
        self.formatter_class = _HelpFormatter
        # Switches that may have a value after "=". Here is what they stand for without one.
        self.switches: dict[str, str] = {}
        self.allow_abbrev = False

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the values of all options, or exit after an error or after printing help."""
        # Mistyped options come first: argparse would take the value of one for a positional
        # argument, and complain about that. And it would take what follows a switch for its value.
        end = arguments.index("--") if "--" in arguments else len(arguments)
        ours = [self.switches.get(argument, argument) for argument in arguments[:end]]
        for argument in ours:
            name = argument.partition("=")[0]
            if re.fullmatch(r"--\S+", name) and name not in self._option_string_actions:
                self._reject(name)
        values, unexpected = self.parse_known_args([*ours, *arguments[end:]])
        if unexpected:
            self._reject(unexpected[0])
        return values

    def _reject(self, argument: str) -> NoReturn:
        if not argument.startswith("-"):
            self.error(f"unexpected argument {argument}")
        close = closest_name(argument, self._option_string_actions)
        suggestion = "" if close is None else f"; did you mean {close}?"
        self.error(f"unknown option {argument}{suggestion}")

    def error(self, message: str) -> NoReturn:
        """Print a message and exit with status 2.

        Messages of ``StaticFiles`` and ``Compressor`` begin with the name of a keyword argument,
        which is replaced by the name of the option.
        """
        message = message.removeprefix("argument ")
        for action in self._actions:
            if action.option_strings and re.match(rf"{action.dest}\b", message):
                rest = re.sub(r"^\['(.*?)'\]", r" \1", message[len(action.dest) :])
                message = action.option_strings[0] + rest
                break
        self.exit(2, f"{self.prog}: error: {printable(message)}\nSee '{self.prog} --help'.\n")

    def add_general_options(self) -> None:
        """Add ``--help`` and ``--version``, which stand at the end of the help."""
        add = self.add_argument_group("General options").add_argument
        add("-h", "--help", action="help", help="Show this help and exit.")
        version, help = f"wsgistatic {__version__}", "Show the version and exit."
        add("--version", action="version", version=version, help=help)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: ")


class Convert(argparse.Action):
    """Stores a value that a converter makes from text. Dicts of a repeated option are merged."""

    def __init__(self, option_strings: Sequence[str], dest: str, convert: Converter, **others: Any):
        super().__init__(option_strings, dest, **others)
        self._convert = convert

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        """Convert a text and store the value."""
        try:
            value = self._convert(self.dest, values)
        except ValueError as error:
            parser.error(str(error))
        if isinstance(value, dict):
            value = {**(getattr(namespace, self.dest) or {}), **value}
        setattr(namespace, self.dest, value)


def help_text(text: str, default: str = "") -> str:
    """Return help for argparse, with the default in words."""
    text = re.sub(r"\bNone\b", "none", text) + (f" [default: {default}]" if default else "")
    return text.replace("%", "%%")


def add_serving_options(parser: Parser) -> None:
    """Add ``--prefix`` and the options of ``StaticFiles``, in groups, with their own names."""
    options = [table.ARGUMENTS["prefix"], *table.OPTIONS.values()]
    for section in (table.FILES, table.HEADERS, table.COMPRESSION, table.PERFORMANCE):
        group = parser.add_argument_group(section)
        for option in options:
            if option.section == section and option.name not in _LEFT_OUT:
                _add_option(parser, group, option)


def _add_option(parser: Parser, group: argparse._ArgumentGroup, option: Option) -> None:
    default = _DEFAULTS.get(option.name, option.default)
    flag = "--" + option.name.replace("_", "-")
    kind: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
    if option.metavar is not None:
        kind = {"action": Convert, "convert": option.from_text, "metavar": option.metavar}
        if isinstance(option.default, bool):
            kind["nargs"] = "?"  # for the help only
            parser.switches |= {flag: f"{flag}=on", f"--no-{flag[2:]}": f"{flag}=off"}
    action = group.add_argument(flag, default=default, **kind)
    repeated = " Can be repeated." if "=" in (option.metavar or "") else ""
    if flag in parser.switches:
        repeated = f" Write names after {flag}=."
    # Set afterwards, because Python before 3.13 adds the default to the help of a switch.
    action.help = help_text(option.help + repeated, _default_text(option, default))


def _default_text(option: Option, default: Any) -> str:
    if default is None:
        return "none" if option.metavar else ""
    if isinstance(default, str):
        return default
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ",".join(default)
    return size_to_text(default) if option.is_size else f"{default:g}"
