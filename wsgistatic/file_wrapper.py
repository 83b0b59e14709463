"""When to hand an open file to the server's ``wsgi.file_wrapper`` (PEP 3333).

Strategy: an allow-list by the wrapper's class, from measurements on thirty servers. Most
wrappers send past Content-Length or from the wrong place; everything unknown gets our own
iterator, which is right everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FileWrapper = Callable[[Any, int], Iterable[bytes]]


def usable_file_wrapper(
    environ: WSGIEnvironment, option: bool | None, whole_file: bool
) -> FileWrapper | None:
    """Give the server's wrapper where it may be used for a file or one range of it.

    Arguments:
        option: ``file_wrapper``: None uses it on waitress only, where it is 2.4 to 4.2 times
            as fast and frees the thread; True on the whole list (sendfile: half the processor
            time, but a file truncated under way is noticed later); False never.
        whole_file: the body is the file from its first byte to its last.
    """
    wrapper: FileWrapper | None = environ.get("wsgi.file_wrapper")
    if option is False or not callable(wrapper):  # socketify has the key with the value None
        return None
    module = getattr(wrapper, "__module__", None)
    if module == "waitress.buffers":
        return wrapper
    if option is None:
        return None
    if module == "mod_wsgi":
        return wrapper
    if module == "gunicorn.http.wsgi":
        # gevent's sendfile reads blocks of 8 KB: a third of the rate.
        socket_module = type(environ.get("gunicorn.socket")).__module__
        return None if socket_module.startswith("gevent") else wrapper
    # uWSGI's is a built-in function without a module; it sends from byte 0, whatever the offset.
    if whole_file and getattr(wrapper, "__name__", "") == "uwsgi_sendfile":
        return wrapper
    return None
