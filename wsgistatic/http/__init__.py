"""What the RFCs say: no I/O, no clock, no environ."""
