"""The static files, the uploads and a server for Django projects.

``from wsgistatic.django import wrap; application = wrap(get_wsgi_application())``
"""

from __future__ import annotations

from wsgistatic.django.wsgi import wrap

__all__ = ["wrap"]
