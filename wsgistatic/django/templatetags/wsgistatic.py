"""``{% load wsgistatic %}``: static files with Subresource Integrity."""

from __future__ import annotations

import re
from typing import Any

from django.template import Library
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join

from wsgistatic.django.integrity import static_integrity

register = Library()
register.simple_tag(static_integrity)

_SCRIPTS = (".js", ".mjs")
_ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9.:-]*")


@register.simple_tag
def static_element(path: str, *names: str, **attributes: Any) -> str:
    """Return the whole ``<script>`` or ``<link>`` element for a static file, with ``integrity``.

    ``{% static_element 'js/app.js' type='module' %}``

    The name decides: ``.js`` and ``.mjs`` become a script, ``.css`` a style sheet. With ``rel``, as
    in ``rel='modulepreload'``, the element is a ``<link>``, and the file may be of any type.

    Arguments:
        path: As for ``{% static %}``.
        names: Attributes without a value, such as ``'defer'``.
        attributes: Further attributes. ``True`` stands for one without a value, ``None`` and
            ``False`` for none. An underscore becomes a hyphen. ``crossorigin`` is ``anonymous``
            unless it is given.

    Raises:
        ValueError: The name has another extension, or an attribute has an impossible name.
    """
    if "rel" not in attributes and not path.endswith((*_SCRIPTS, ".css")):
        raise ValueError(f"static_element needs a .js, .mjs or .css file, or rel, not {path!r}")
    given = {name.replace("_", "-"): value for name, value in attributes.items()}
    given |= dict.fromkeys(names, True)
    is_script = "rel" not in given and path.endswith(_SCRIPTS)
    fields: dict[str, Any] = {} if is_script else {"rel": "stylesheet"}
    fields |= {"src" if is_script else "href": static(path)}
    fields |= {"integrity": static_integrity(path) or None, "crossorigin": "anonymous"}
    fields |= given
    for name in fields:
        if not _ATTRIBUTE.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an attribute")
    shown = {
        name: value for name, value in fields.items() if value is not None and value is not False
    }
    text = format_html_join(
        "",
        "{}",
        (
            (format_html(" {}" if value is True else ' {}="{}"', name, value),)
            for name, value in shown.items()
        ),
    )
    return format_html("<script{}></script>" if is_script else "<link{}>", text)
