"""nginx as the reference: a plain static server, tuned as its documentation says."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from benchmarks.servers.kinds import nginx_program

PREFIX = "/"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_OPEN_FILE_CACHE = "open_file_cache max=10000 inactive=60s; open_file_cache_valid 30s;"

# One worker; no log; never the end of a connection; text types as in its mime.types.
_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/log error;
events {{ worker_connections 1024; }}
http {{
    {temporary}
    types {{ text/css css; application/javascript js; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
    {cache}
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


def command(port: int, folder: Path, root: str, open_file_cache: bool) -> list[str]:
    """Write a configuration into a folder; give the command that runs nginx with it."""
    paths = "\n    ".join(f"{one}_temp_path {folder}/{one};" for one in _TEMPORARY)
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            folder=folder,
            temporary=paths,
            cache=_OPEN_FILE_CACHE if open_file_cache else "",
            port=port,
            root=root,
        ),
        encoding="utf-8",
    )
    return [nginx_program() or "nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
