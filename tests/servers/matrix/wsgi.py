"""What is named to servers as their application."""

from tests.servers.matrix.app import make_app

application = make_app()
