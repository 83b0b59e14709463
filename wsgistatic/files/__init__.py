"""The file system: no header fields, no environ."""
