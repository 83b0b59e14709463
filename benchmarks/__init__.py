"""Benchmarks of static-file serving in WSGI: wsgistatic and its peers, those that are installed.

Each of these modules runs with ``python -m`` and says how its figures are measured:

- ``benchmarks.inprocess``: processor time of each kind of request, without a server;
- ``benchmarks.servers``: requests/s and MB/s under real servers, compared with nginx;
- ``benchmarks.scale``: how cost grows with files, ranges, responses and size;
- ``benchmarks.codings``: bytes and cost of content codings;
- ``benchmarks.features``: what each static app supports.
"""
