"""Settings for Django's runserver."""

SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
WSGI_APPLICATION = "tests.servers.matrix.wsgi.application"
ROOT_URLCONF = "tests.servers.matrix.django_settings"
urlpatterns: list[object] = []
