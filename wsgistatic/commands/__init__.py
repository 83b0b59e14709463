"""The commands of ``python -m wsgistatic COMMAND``; without one it serves a folder."""
