"""Run nginx as a single process that writes all files into one directory."""

from __future__ import annotations

from pathlib import Path

from tests.servers.processes import find_program

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    {temporary}
    {lines}
}}
"""


def nginx_command(folder: Path, lines: str) -> list[str]:
    """Write ``nginx.conf`` into a folder; return the command that runs nginx with it.

    Args:
        folder: the directory for all files that nginx creates.
        lines: the configuration, as in a file of ``/etc/nginx/conf.d``.
    """
    temporary = "\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in _TEMPORARY)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, temporary=temporary, lines=lines))
    program = find_program("nginx") or "nginx"
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]
