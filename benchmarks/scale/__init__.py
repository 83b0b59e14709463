"""How cost grows, with files, ranges, responses and size: ``python -m benchmarks.scale --help``."""
