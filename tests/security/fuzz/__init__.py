"""Coverage-guided fuzzing; needs the dependency group ``fuzz``."""
