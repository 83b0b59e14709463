"""From environ to a response (PEP 3333)."""
