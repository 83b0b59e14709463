"""The application object that the servers import."""

from tests.servers.matrix.app import make_app

application = make_app()
