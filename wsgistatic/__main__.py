"""The program ``wsgistatic``, which ``python -m wsgistatic`` starts too."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from wsgistatic.commands.compress import main as compress
from wsgistatic.commands.explain import main as explain
from wsgistatic.commands.output import fail
from wsgistatic.commands.serve import main as serve
from wsgistatic.servers.streams import background_output
from wsgistatic.validation import closest_name

# A directory with such a name can still be served, as ./NAME.
_COMMANDS = {"compress": compress, "explain": explain}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, or serve a directory, and return the exit status.

    The arguments are without the program's name; None stands for those of the process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    first = given[0] if given else ""
    if first in _COMMANDS:
        return _run_command(first, given[1:])
    if not first.startswith("-") and os.path.basename(first) == first and not os.path.isdir(first):
        command = closest_name(first, _COMMANDS)
        if command is not None:
            return fail(f"there is no directory {first}; did you mean the command {command}?")
    with background_output():
        return serve(given)


def _run_command(name: str, arguments: Sequence[str]) -> int:
    try:
        status = _COMMANDS[name](arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise  # about a file, not about standard output
        # The interpreter flushes standard output once more when it exits.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 1  # the reader has closed the pipe, as "| head" does
        return fail(f"standard output: {error.strerror}")
    return status


if __name__ == "__main__":
    sys.exit(main())
