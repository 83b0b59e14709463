"""Coverage-guided targets; they want the extra ``fuzz``."""
