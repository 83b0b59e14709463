"""A Django app whose ``runserver`` leaves static files to wsgistatic.

Put it into INSTALLED_APPS before ``django.contrib.staticfiles``.
"""
