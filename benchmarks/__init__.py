"""Benchmarks of static-file serving in WSGI: this package next to its peers.

``python -m benchmarks.inprocess --quick`` takes half a minute and needs only the peers that you
want to compare: each that is installed takes part.
"""
