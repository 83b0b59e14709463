"""wsgistatic in Django."""
