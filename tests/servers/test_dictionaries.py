"""Behind caching servers as documented, a delta reaches only clients that offer its dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deltas import NEW_BUNDLE, OLD_BUNDLE, decode, offer, write
from tests.servers.caches import EDGES, NGINX, VARNISH, Edge, fetch, run_edge
from tests.servers.documented import configuration
from tests.servers.nginx import nginx_command
from tests.servers.processes import serve_in_thread
from wsgistatic import StaticFiles
from wsgistatic.__main__ import main

pytestmark = pytest.mark.servers


def _without_slices(folder: Path, port: int, origins: tuple[int, ...]) -> list[str]:
    """Return the command for the documented nginx that caches whole files."""
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/deltas": f"{folder}/cache",
        "10.0.0.1:8000": f"127.0.0.1:{origins[0]}",
    }
    return nginx_command(folder, configuration("/etc/nginx/conf.d/deltas.conf", replaced))


WHOLE = Edge("nginx for deltas", "nginx", _without_slices, False)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    old = write(tmp_path / "old", {"app.js": OLD_BUNDLE})
    new = write(tmp_path / "new", {"app.js": NEW_BUNDLE})
    assert main(["compress", str(new), "--quiet", "--dictionaries-from", str(old)]) == 0
    return new


# Fresh in the cache, and revalidated by it at each request.
@pytest.mark.parametrize("cache_control", ["max-age=3600", "no-cache"])
@pytest.mark.parametrize("edge", [*EDGES, WHOLE], ids=str)
def test_no_delta_reaches_a_client_without_its_dictionary(
    edge: Edge, folder: Path, tmp_path: Path, cache_control: str
) -> None:
    if edge.missing():
        pytest.skip(f"{edge.missing()} is not installed")
    requests: list[str] = []
    app = StaticFiles(None, folder, dictionaries=True, etag="content", cache_control=cache_control)

    def recorded(environ, start_response):  # type: ignore[no-untyped-def]
        requests.append(environ.get("HTTP_AVAILABLE_DICTIONARY", ""))
        return app(environ, start_response)

    with serve_in_thread(recorded) as port, run_edge(edge, [port, port], tmp_path / "edge") as at:
        deltas = 0
        clients = [
            {"Accept-Encoding": "gzip, br, zstd"},
            offer(OLD_BUNDLE),
            offer(NEW_BUNDLE),
            offer(b"unknown"),
            {"Accept-Encoding": "identity"},
            {"Accept-Encoding": offer(OLD_BUNDLE)["Accept-Encoding"]},
        ]
        for order in (clients, clients[::-1]) * 2:
            for fields in order:
                names = {name.replace("-", "_"): value for name, value in fields.items()}
                response = fetch(at, "/app.js", **names)
                assert response.status == 200
                coding = response.headers.get("Content-Encoding")
                if coding == "dcz":
                    assert fields == offer(OLD_BUNDLE)
                    assert decode(response.body, OLD_BUNDLE) == NEW_BUNDLE
                    deltas += 1
                elif coding is None:
                    assert response.body == NEW_BUNDLE
                else:
                    assert coding in fields["Accept-Encoding"]
        # Slices are ranges, and these are those of the file itself.
        assert deltas == (0 if edge is NGINX else 4)
        if edge in (VARNISH, WHOLE) and cache_control != "no-cache":
            assert requests.count(offer(OLD_BUNDLE)["Available-Dictionary"]) == 1
