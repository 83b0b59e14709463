"""What content codings save in bytes, and what they cost in time."""
