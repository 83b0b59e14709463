"""HTTP as the RFCs define it: this layer does no I/O, reads no clock and knows no environ."""
