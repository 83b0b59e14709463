"""Start a server that has no command line: ``python -m tests.servers.matrix.launch NAME PORT``.

Each function follows the documentation of its server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from wsgiref.simple_server import make_server

HOST = "127.0.0.1"


def run_wsgiref(port: int) -> None:
    from tests.servers.matrix.wsgi import application

    make_server(HOST, port, application).serve_forever()


def run_bottle(port: int) -> None:
    import bottle

    from tests.servers.matrix.wsgi import application

    bottle.run(application, host=HOST, port=port)


def run_cherrypy(port: int) -> None:
    import cherrypy

    from tests.servers.matrix.wsgi import application

    cherrypy.config.update({"server.socket_host": HOST, "server.socket_port": port})
    cherrypy.tree.graft(application, "/")
    cherrypy.engine.start()
    cherrypy.engine.block()


def run_werkzeug(port: int) -> None:
    from werkzeug.serving import run_simple

    from tests.servers.matrix.wsgi import application

    run_simple(HOST, port, application, threaded=True)


def run_paste(port: int) -> None:
    from paste import httpserver

    from tests.servers.matrix.wsgi import application

    httpserver.serve(application, host=HOST, port=port)


def run_rocket3(port: int) -> None:
    from rocket3 import Rocket3

    from tests.servers.matrix.wsgi import application

    Rocket3((HOST, port), "wsgi", {"wsgi_app": application}).start()


def run_web_py(port: int) -> None:
    import web

    from tests.servers.matrix.wsgi import application

    web.httpserver.runsimple(application, (HOST, port))


def run_gevent(port: int) -> None:
    from gevent import monkey

    monkey.patch_all()
    from gevent.pywsgi import WSGIServer

    from tests.servers.matrix.wsgi import application

    WSGIServer((HOST, port), application).serve_forever()


def run_eventlet(port: int) -> None:
    import eventlet

    eventlet.monkey_patch()
    from eventlet import wsgi

    from tests.servers.matrix.wsgi import application

    wsgi.server(eventlet.listen((HOST, port)), application)


def run_bjoern(port: int) -> None:
    import bjoern

    from tests.servers.matrix.wsgi import application

    bjoern.run(application, HOST, port)


def run_tornado(port: int) -> None:
    from tornado.httpserver import HTTPServer
    from tornado.wsgi import WSGIContainer

    from tests.servers.matrix.wsgi import application

    async def serve() -> None:
        HTTPServer(WSGIContainer(application)).listen(port, HOST)
        await asyncio.Event().wait()

    asyncio.run(serve())


def run_a2wsgi(port: int) -> None:
    import uvicorn
    from a2wsgi import WSGIMiddleware

    from tests.servers.matrix.wsgi import application

    uvicorn.run(WSGIMiddleware(application), host=HOST, port=port)


if __name__ == "__main__":
    run: Callable[[int], None] = globals()[f"run_{sys.argv[1]}"]
    run(int(sys.argv[2]))
