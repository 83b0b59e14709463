"""Benchmarks of static-file serving in WSGI: this package next to its peers.

Each that is installed takes part; ``--quick`` takes from half a minute to a minute and a half.

- ``python -m benchmarks.inprocess``: processor time of each kind of request, without a server;
- ``python -m benchmarks.servers``: requests/s and MB/s under real servers, next to nginx;
- ``python -m benchmarks.scale``: what grows with files, ranges, responses and size;
- ``python -m benchmarks.blocks``: block sizes, and the server's file wrapper.
"""
