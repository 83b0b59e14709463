"""Checks of option values at construction: errors name the option, the value, what is allowed."""

from __future__ import annotations

import math
import os


def check_choice(option: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if not any(value is one or (isinstance(value, str) and value == one) for one in allowed):
        names = ", ".join(map(repr, allowed))
        raise ValueError(f"{option} must be one of {names}, not {value!r}")


def check_bool(option: str, value: object, alternative: str = "") -> None:
    """Raise TypeError unless the value is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False{alternative}, not {value!r}")


def check_integer(option: str, value: object, least: int) -> None:
    """Raise TypeError or ValueError unless the value is an integer of at least so much."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{option} must be an integer of at least {least}, not {value!r}")
    if value < least:
        raise ValueError(f"{option} must be at least {least}, not {value!r}")


def check_seconds(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a finite number of seconds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{option} must be a number of seconds, not {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{option} must be at least 0 and finite, not {value!r}")


def check_file_name(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a plain file name."""
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a file name or None, not {value!r}")
    if value in ("", ".", "..") or "/" in value or "\0" in value or os.sep in value:
        raise ValueError(f"{option} must be a file name without a directory, not {value!r}")
    _check_encodable(option, value)


def check_inner_path(option: str, value: object) -> tuple[str, ...]:
    """Give the names of a path beneath the directory; raise TypeError or ValueError unless it is.

    Arguments:
        value: names with slashes between them: ``"404.html"``, ``"app/index.html"``.
    """
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a path beneath the directory or None, not {value!r}")
    names = tuple(value.split("/"))
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(
            f"{option} must be a path beneath the directory such as '404.html', not {value!r}"
        )
    _check_encodable(option, value)
    return names


def check_path(option: str, value: object) -> str:
    """Give a path as str; raise TypeError or ValueError unless it is one."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{option} must be a path, not {value!r}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError(f"{option} must be a path of text, not {value!r}")
    if not path or "\0" in path:
        raise ValueError(f"{option} must be a path, not {value!r}")
    _check_encodable(option, path)
    # Not abspath: it would fold "current/../shared" without asking where "current" leads.
    return os.path.join(os.getcwd(), path)


def _check_encodable(option: str, name: str) -> None:
    """Raise ValueError where no file can have a name: by the locale, or a lone surrogate."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{option} must be a name that the file system's encoding, {error.encoding}, can say, "
            f"not {name!r}"
        ) from None
