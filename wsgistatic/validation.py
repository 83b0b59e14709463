"""Checks of option values at construction.

Each check raises TypeError or ValueError with a message that names the option, the value and what
is allowed.
"""

from __future__ import annotations

import math
import ntpath
import os
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction, signature


def check_choice(option: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    # By identity, except for text: 0 == False, and 1 == True.
    if not any(value is one or (isinstance(value, str) and value == one) for one in allowed):
        names = ", ".join(map(repr, allowed))
        raise ValueError(f"{option} must be one of {names}, not {value!r}")


def check_bool(option: str, value: object, allowed: str = "True or False") -> None:
    """Raise TypeError unless the value is True or False; the message lists what is allowed."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be {allowed}, not {value!r}")


def check_app(option: str, value: object, allowed: str) -> None:
    """Raise TypeError unless the value can be a WSGI app; the message says what is allowed."""
    if not callable(value):
        raise TypeError(f"{option} must be {allowed}, not {value!r}")
    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        raise TypeError(f"{option} must be {allowed}, not the ASGI app {value!r}")


def check_parameters(option: str, function: Callable[..., object], *names: str) -> None:
    """Raise TypeError if a function cannot be called with these positional arguments."""
    try:
        signature(function).bind(*names)
    except ValueError:
        pass  # a built-in function does not tell its parameters
    except TypeError as error:
        wanted = f"{option} must be callable with ({', '.join(names)})"
        raise TypeError(f"{wanted}, not {function!r}: {error}") from None


def check_integer(option: str, value: object, least: int, most: int | None = None) -> None:
    """Raise TypeError or ValueError unless the value is an integer in the given limits."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{option} must be an integer of at least {least}, not {value!r}")
    if value < least:
        raise ValueError(f"{option} must be at least {least}, not {value!r}")
    if most is not None and value > most:
        raise ValueError(f"{option} must be at most {most}, not {value!r}")


def check_seconds(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a finite number of seconds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{option} must be a number of seconds, not {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{option} must be at least 0 and finite, not {value!r}")


def check_file_name(option: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a file name without a directory."""
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a file name or None, not {value!r}")
    if value in ("", ".", "..") or "/" in value or "\0" in value or os.sep in value:
        raise ValueError(f"{option} must be a file name without a directory, not {value!r}")
    _check_encodable(option, value)


def check_inner_path(option: str, value: object, *, separator: str = os.sep) -> None:
    """Raise an error unless the value is a path below a directory, such as ``"app/index.html"``.

    It is a path with slashes on every platform, also if that has another ``separator``.
    """
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a path below the directory or None, not {value!r}")
    unfit = {"\0", separator} - {"/"}
    if any(name in ("", ".", "..") or unfit & {*name} for name in value.split("/")):
        example = "a path below the directory such as '404.html'"
        raise ValueError(f"{option} must be {example}, not {value!r}")
    _check_encodable(option, value)


def check_path(option: str, value: object) -> str:
    """Return a path, a str or an ``os.PathLike`` of one, as an absolute str."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{option} must be a path, not {value!r}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError(f"{option} must be a path of type str, not {value!r}")
    if not path or "\0" in path:
        raise ValueError(f"{option} must be a path, not {value!r}")
    _check_encodable(option, path)
    return absolute_path(path)


def absolute_path(path: str, *, windows: bool = os.name == "nt") -> str:
    """Return a path as an absolute one; on Windows all separators become backslashes."""
    if windows:
        return ntpath.abspath(path)
    # Not abspath, which would shorten "current/../shared" to "shared" even if "current" is a
    # symbolic link to elsewhere. Windows itself does that.
    return os.path.join(os.getcwd(), path)


def _check_encodable(option: str, name: str) -> None:
    """Raise ValueError if no file can have the name, because it cannot be encoded."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        encoding = f"the file system encoding ({error.encoding})"
        raise ValueError(f"{option} must be encodable in {encoding}, not {name!r}") from None


def closest_name(name: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """Return the known name that a mistyped one was probably meant to be, or None.

    ``least`` is the required similarity, from 0 to 1.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only errors need it

    close = get_close_matches(name, list(known), 1, least)
    return close[0] if close else None
