"""Tags of the console's pages."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from hopkey.server.console.sections import SECTIONS

register = template.Library()

_ICONS = {
    "overview": "M2.2 13.5V8.4M6.1 13.5V4.2M9.9 13.5V6.4M13.8 13.5V2.5",
    "tokens": "M7.3 8.7a3 3 0 1 1-4.2-.1 3 3 0 0 1 4.2.1ZM7.2 8.8 13.8 2.2M11 5l2.2 2.2",
    "users": "M8 7.6a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4ZM2.8 14c.5-3 2.5-4.5 5.2-4.5s4.7 1.5 5.2 4.5",
    "policy": "M2 4.5h5M11 4.5h3M2 11.5h3M9 11.5h5M9 2.8v3.4M7 9.8v3.4",
    "automation": "M8 1.8v2.4M8 11.8v2.4M1.8 8h2.4M11.8 8h2.4M8 10.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8Z",
    "mail": "M1.8 3.5h12.4v9H1.8zM2.2 4.2 8 8.8l5.8-4.6",
    "webhooks": (
        "M5.2 10.9a2.6 2.6 0 1 1-2.2-3.6M8 5.1l2.7 4.8M10.2 10.9a2.6 2.6 0 1 0 1-2.9"
        "M8 5.1a2.3 2.3 0 1 0-2.1 1.4L4 10.2M5.4 11h5.2"
    ),
    "audit": "M3.5 1.8h6.3l2.7 2.7v9.7h-9zM5.8 6.8h4.4M5.8 9.3h4.4M5.8 11.8h2.5",
}
_OTHER = "M3 8a5 5 0 1 0 10 0A5 5 0 1 0 3 8Z"


@register.simple_tag
def console_sections() -> tuple[tuple[str, str, str], ...]:
    return SECTIONS


@register.simple_tag
def section_icon(name: str) -> SafeString:
    """The sign of a section in the rail; a section without one of its own gets a ring."""
    return format_html(
        '<svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" '
        'aria-hidden="true"><path d="{}"/></svg>',
        _ICONS.get(name, _OTHER),
    )
