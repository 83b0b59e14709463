"""When to hand an open file to the server's ``wsgi.file_wrapper`` (PEP 3333).

Strategy: an allow-list by the wrapper's class, from measurements on thirty servers. Most
wrappers send past Content-Length or from the wrong place; everything unknown gets our own
iterator, which is right everywhere. With sendfile only whole files: that is right on the whole
list, and right too where a middleware around us iterates the wrapper.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from io import FileIO
from typing import TYPE_CHECKING, Any

from wsgistatic.range_file import RangeFile
from wsgistatic.ranges import ByteRange

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FileWrapper = Callable[[Any, int], Iterable[bytes]]


def wrap_file(
    environ: WSGIEnvironment,
    option: bool | None,
    file: FileIO,
    byte_range: ByteRange,
    opened: os.stat_result,
    block_size: int,
) -> Iterable[bytes] | None:
    """Give the server's wrapper around one range of a file, where that may be used.

    Arguments:
        environ: the request.
        option: ``file_wrapper``: None uses it on waitress only, where it is 2.4 to 4.2 times
            as fast and frees the thread; True on the whole list (sendfile: half the processor
            time, but a file truncated under way is noticed later); False never.
        file: unbuffered, at its start.
        byte_range: what is sent.
        opened: status of the file when the headers were made.
        block_size: bytes.
    """
    wrapper: FileWrapper | None = environ.get("wsgi.file_wrapper")
    if option is False or not callable(wrapper):  # socketify has the key with the value None
        return None
    if getattr(wrapper, "__module__", None) == "waitress.buffers":
        # Bounded: a middleware around us may iterate the wrapper, and that reads to the end.
        return wrapper(RangeFile(file, *byte_range, opened), block_size)
    if option and byte_range == (0, opened.st_size) and _sends_files(wrapper, environ):
        return wrapper(file, block_size)
    return None


def _sends_files(wrapper: FileWrapper, environ: WSGIEnvironment) -> bool:
    module = getattr(wrapper, "__module__", None)
    if module == "gunicorn.http.wsgi":
        # gevent's sendfile reads blocks of 8 KB: a third of the rate.
        socket_module = type(environ.get("gunicorn.socket")).__module__
        return not socket_module.startswith("gevent")
    # uWSGI's is a built-in function without a module; it sends from byte 0, whatever the offset.
    return module == "mod_wsgi" or getattr(wrapper, "__name__", "") == "uwsgi_sendfile"
