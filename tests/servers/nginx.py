"""nginx as the tests start it: one process, with what it writes below one folder."""

from __future__ import annotations

from pathlib import Path

from tests.servers.starting import find_program

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
    """Write ``nginx.conf`` into a folder; give the command that runs nginx with it.

    Arguments:
        folder: for all files that nginx makes.
        lines: as in a file of ``/etc/nginx/conf.d``.
    """
    temporary = "\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in _TEMPORARY)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, temporary=temporary, lines=lines))
    program = find_program("nginx") or "nginx"
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]
