"""The ASGI app of ``asgi_settings``."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.servers.asgi_settings"
application = get_asgi_application()
