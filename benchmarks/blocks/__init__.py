"""Block size, and the server's file wrapper against it: ``python -m benchmarks.blocks --help``."""
