"""Servers that load the app in one process and fork their workers from it."""

from __future__ import annotations

import importlib.metadata
import random
import sys
import sysconfig
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks.harness.processes import free_port
from tests.connection import Connection
from tests.servers.preloaded import FOLDER, IN_ARCHIVES, REFUSED, make_content
from tests.servers.processes import run_command
from tests.source_kinds import KINDS

pytestmark = pytest.mark.servers

HOME = Path(__file__).parents[2]
CLIENTS = 8
APP = "tests.servers.preloaded:application"
KINDS_SERVED = (*KINDS, *(f"site {name}" for name in (*IN_ARCHIVES, "compressed")))


def command(server: str, port: int) -> list[str]:
    listen = f"127.0.0.1:{port}"
    if server == "gunicorn":
        words = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--preload", "-w", "2"]
        return [*words, "-k", "gthread", "--threads", "4", "-b", listen, APP]
    words = [f"{sysconfig.get_path('scripts')}/uwsgi", "--http-socket", listen, "--module", APP]
    words += ["--virtualenv", sys.prefix, "--need-app", "--die-on-term"]
    return [*words, "--master", "--processes", "2", "--enable-threads", "--threads", "4"]


@pytest.fixture(params=["gunicorn", "uWSGI"])
def server(request: pytest.FixtureRequest) -> str:
    try:
        importlib.metadata.distribution(request.param)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"not installed: {request.param}")
    return str(request.param)


def test_sources_that_were_opened_before_the_workers_were_forked(
    server: str, tmp_path: Path
) -> None:
    content = make_content()
    port = free_port(())
    outcomes: Counter[tuple[str, str]] = Counter()
    workers = set()

    def request(seed: int, kind: str) -> None:
        choice = random.Random(seed)
        start = choice.randrange(len(content))
        stop = min(len(content), start + choice.choice((1, 1000, 200_000)))
        fields = {"Range": f"bytes={start}-{stop - 1}"} if choice.random() < 0.8 else {}
        with Connection(port) as connection:
            response = connection.request(f"/{quote(kind)}", Connection="close", **fields)
        workers.add(response.headers["X-Worker"])
        is_right = (response.status, response.body) == (
            (206, content[start:stop]) if fields else (200, content)
        )
        outcomes[kind, "right" if is_right else str(response.status)] += 1

    variables = [f"{FOLDER}={tmp_path}", f"PYTHONPATH={HOME}"]
    with (
        run_command(["env", *variables, *command(server, port)], tmp_path, port) as log,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        for kind in KINDS_SERVED:
            list(clients.map(request, range(60), [kind] * 60))
    expected = {(kind, "500" if kind in REFUSED else "right"): 60 for kind in KINDS_SERVED}
    assert outcomes == expected
    assert len(workers) == 2
    assert "opened before the process was forked" in log.read_text()
