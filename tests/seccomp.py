"""Refuse system calls to this process and to those that it starts, by a filter of Linux."""

from __future__ import annotations

import struct
from collections.abc import Mapping

FACCESSAT2, OPENAT2 = 439, 437  # the same on all common machines

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ERROR, _ALLOW = 0x00050000, 0x7FFF0000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2


def refuse_system_calls(errors: Mapping[int, int]) -> bool:
    """Let system calls fail from now on; return whether that is possible.

    Arguments:
        errors: an ``errno`` for the number of each system call.
    """
    import ctypes  # some Pythons do without it

    instructions = [(_LOAD, 0, 0, 0)]  # the number of the system call
    for number, error in errors.items():
        instructions += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)]
    instructions.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("=HBBI", *each) for each in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
    library = ctypes.CDLL(None)
    return not (
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        or library.prctl(_PR_SET_SECCOMP, _FILTER, program)
    )
