"""The app that a server imports, ``benchmarks.harness.served:application``; see ``fleet``.

``python -m benchmarks.harness.served PORT`` runs it under bjoern, which has no command line.
"""

from __future__ import annotations

import os
import pickle
import sys
from importlib import import_module

_PEER, _ROOT = pickle.loads(bytes.fromhex(os.environ["WSGISTATIC_BENCH_APP"]))
application = _PEER.build(_ROOT)

if __name__ == "__main__":
    import_module("bjoern").run(application, "127.0.0.1", int(sys.argv[1]))
