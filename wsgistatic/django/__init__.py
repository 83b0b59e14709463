"""Serve the static files and uploads of a Django project.

``from wsgistatic.django import wrap; application = wrap(get_wsgi_application())``
"""

from wsgistatic.django.wsgi import wrap

__all__ = ["wrap"]
