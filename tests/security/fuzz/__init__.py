"""Targets of the coverage-guided fuzzer, which needs the dependency group ``fuzz``."""
