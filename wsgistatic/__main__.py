"""``python -m wsgistatic [DIR]``: serve a folder; ``python -m wsgistatic COMMAND``: see there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from wsgistatic.commands.compress import main as compress
from wsgistatic.commands.explain import main as explain
from wsgistatic.commands.output import _FAILED, _fail, output_that_never_fails
from wsgistatic.commands.serve import _serve_folder

# By their first argument; a folder of such a name is served as ./NAME.
_COMMANDS = {"compress": compress, "explain": explain}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, or serve a folder; give the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in _COMMANDS:
        return _run_command(given[0], given[1:])
    with output_that_never_fails():
        return _serve_folder(given)


def _run_command(name: str, arguments: Sequence[str]) -> int:
    try:
        status = _COMMANDS[name](arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise  # a file's, not the output's
        with open(os.devnull, "w") as nowhere:  # for what is flushed at exit
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return _FAILED  # who reads it has seen enough: "| head"
        return _fail(f"standard output: {error.strerror}")
    return status


if __name__ == "__main__":
    sys.exit(main())
