"""What Wine does otherwise than Windows, each shown without this package.

Run it with the Windows Python under Wine. It prints a line for each fault; none of them is a reason
to change the package. Tests that meet one have the marker ``wine``.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAULTS: list[Callable[[Path], object]] = []


def fault(show: Callable[[Path], object]) -> Callable[[Path], object]:
    """Add a fault, whose function returns what is seen in an empty folder."""
    FAULTS.append(show)
    return show


@fault
def real_path_of_a_long_path(folder: Path) -> object:
    """GetFinalPathNameByHandle fails for more than 260 characters, though they can be opened."""
    deep = folder.joinpath(*["d" * 50] * 8)
    deep.mkdir(parents=True)
    return os.path.exists(deep), os.path.realpath(deep, strict=True)


@fault
def symbolic_link(folder: Path) -> object:
    """A link that was made without an error is not there."""
    (folder / "file").write_text("content")
    os.symlink("file", folder / "link")
    return os.listdir(folder), os.path.islink(folder / "link"), os.path.exists(folder / "link")


@fault
def removed_file_that_is_open(folder: Path) -> object:
    """The name stays until the file is closed, as before Windows 10 1809."""
    import _winapi

    path = folder / "file"
    path.write_text("content")
    winapi: Any = _winapi
    handle = winapi.CreateFile(str(path), 0x80000000, 7, 0, 3, 0x80, 0)  # shared for deletion
    path.unlink()
    names = os.listdir(folder)
    winapi.CloseHandle(handle)
    return names, os.listdir(folder)


@fault
def time_of_creation(folder: Path) -> object:
    """It is not kept, but follows a modification time that is set."""
    path = folder / "file"
    path.write_text("content")
    before = path.stat()
    os.utime(path, (1, 1))
    after: Any = path.stat()
    return getattr(before, "st_birthtime", None), getattr(after, "st_birthtime", None)


@fault
def range_of_times(folder: Path) -> object:
    """Modification times before 1901 and after 2446 become others."""
    path = folder / "file"
    path.write_text("content")
    seen = []
    for seconds in (-1e10, 2e10):
        os.utime(path, (seconds, seconds))
        seen.append((seconds, path.stat().st_mtime))
    return seen


@fault
def name_with_another_case(folder: Path) -> object:
    """A rename that changes nothing but the case leaves the name as it was."""
    (folder / "file").write_text("content")
    os.rename(folder / "file", folder / "FILE")
    return os.listdir(folder)


@fault
def copy(folder: Path) -> object:
    """CopyFile2, which shutil.copy2 calls, ends the process."""
    (folder / "file").write_text("content")
    code = "import shutil, sys; shutil.copy2('file', 'copy'); print('copied')"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


@fault
def ctrl_break(folder: Path) -> object:
    """Without a console no Ctrl-Break can be sent to a process."""
    flags: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    code = "import time; time.sleep(5)"
    with subprocess.Popen([sys.executable, "-c", code], creationflags=flags) as process:
        time.sleep(0.5)
        try:
            os.kill(process.pid, getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
            return process.wait(3)
        finally:
            process.kill()


@fault
def wake_up_of_an_event_loop(folder: Path) -> object:
    """The byte with which a thread wakes an event loop is occasionally lost.

    This is rare. With a SelectorEventLoop, one of three simultaneous processes like this one waited
    forever. Of three simultaneous runs of 120 tests with Django's AsyncClient, two did.
    """

    async def wake() -> int:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(5):
                await asyncio.wait_for(loop.run_in_executor(None, int), 2)
        except asyncio.TimeoutError:
            return 1
        return 0

    return sum(asyncio.run(wake()) for _ in range(1500))


@fault
def error_messages(folder: Path) -> object:
    """The texts of errors are its own: "File not found" for "The system cannot find the file"."""
    return vars(ctypes).get("FormatError", os.strerror)(2)


def main() -> None:
    """Print what each function sees."""
    for show in FAULTS:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                seen = show(Path(folder))
            except OSError as error:
                seen = f"{type(error).__name__}: {error}"
        print(f"{show.__name__}: {show.__doc__}\n    {seen!a}")


if __name__ == "__main__":
    main()
