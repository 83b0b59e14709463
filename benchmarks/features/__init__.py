"""What each static app does and does not: ``python -m benchmarks.features --help``."""
