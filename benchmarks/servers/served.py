"""What a server imports, ``benchmarks.servers.served:application``: named in its environment.

``python -m benchmarks.servers.served NAME PORT`` runs a server without a command line of its own.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from benchmarks.servers.contenders import APP_VARIABLE, ROOT_VARIABLE, find
from benchmarks.servers.kinds import THREADS

application = find(os.environ[APP_VARIABLE]).build(os.environ[ROOT_VARIABLE])


def _bjoern(port: int) -> None:
    import_module("bjoern").run(application, "127.0.0.1", port)


def _cheroot(port: int) -> None:
    server = import_module("cheroot.wsgi").Server
    server(("127.0.0.1", port), application, numthreads=THREADS).start()


def _waitress(port: int) -> None:
    import_module("waitress").serve(application, host="127.0.0.1", port=port, threads=THREADS)


if __name__ == "__main__":
    run = {"bjoern": _bjoern, "cheroot": _cheroot, "waitress": _waitress}
    run[sys.argv[1]](int(sys.argv[2]))
