"""``python -m tests.security.fuzz [--seconds N] [TARGET ...]``: fuzz each target for N seconds."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Fuzz the targets; return the exit status of the first that fails, or 0."""
    from tests.security.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.security.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=15, help="time per target")
    parser.add_argument("--artifacts", default=".", help="directory for inputs that fail")
    arguments = parser.parse_args()
    for name in arguments.targets or TARGETS:
        if name not in TARGETS:
            parser.error(f"unknown target {name}; the targets are {', '.join(TARGETS)}")
        with tempfile.TemporaryDirectory() as corpus:
            for number, seed in enumerate(TARGETS[name][1]):
                (Path(corpus) / str(number)).write_bytes(seed)
            command = [
                sys.executable, "-m", "tests.security.fuzz.worker", name, corpus,
                f"-max_total_time={arguments.seconds}", "-max_len=400", "-timeout=10",
                "-rss_limit_mb=1000", "-verbosity=0", "-print_final_stats=1",
                f"-artifact_prefix={arguments.artifacts}/{name}-",
            ]  # fmt: skip
            print(f"== {name}", flush=True)
            done = subprocess.run(command, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
