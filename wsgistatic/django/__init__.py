"""Serve the static files and uploads of a Django project, and files from its views.

``MIDDLEWARE = ["wsgistatic.django.middleware.StaticFilesMiddleware", ...]`` or
``from wsgistatic.django import wrap; application = wrap(get_wsgi_application())``
"""

from wsgistatic.django.responses import file_response
from wsgistatic.django.wsgi import wrap

__all__ = ["file_response", "wrap"]
