"""Static apps behind real servers, next to nginx: ``python -m benchmarks.servers --help``.

Linux only: it needs /proc, ``wrk``, and two cores to keep the load off the server's.
"""
