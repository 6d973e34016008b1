"""Tags of the console's pages."""

from __future__ import annotations

from django import template

from hopkey.server.console.sections import SECTIONS

register = template.Library()


@register.simple_tag
def console_sections() -> tuple[tuple[str, str, str], ...]:
    return SECTIONS
