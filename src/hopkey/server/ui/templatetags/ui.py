"""Filters and tags the templates share."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

import hopkey
from hopkey.server.ui.icons import ICONS

register = template.Library()

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def words_between(moment: datetime, now: datetime) -> str:
    """How far `moment` is from `now`: "in 6 days", "3 hours ago", "just now"."""
    seconds = (moment - now).total_seconds()
    for size, unit in _UNITS:
        count = round(abs(seconds) / size)
        if abs(seconds) >= size * 0.95 and count:
            plural = unit if count == 1 else unit + "s"
            return f"in {count} {plural}" if seconds > 0 else f"{count} {plural} ago"
    return "in a moment" if seconds > 0 else "just now"


@register.simple_tag
def moment(value: datetime | None, empty: str = "never") -> SafeString | str:
    """A moment as relative words, the exact time on hover (put into the reader's zone by script)."""
    if value is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        value.strftime("%d %b %Y, %H:%M UTC"),
        words_between(value, timezone.now()),
    )


@register.filter
def date_words(value: date | None) -> str:
    """A date such as "24 Dec 2026"."""
    return f"{value.day} {value:%b %Y}" if value else "never"


@register.filter
def grouped(value: int | None) -> str:
    """A number as people read it, "1,395"; a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


@register.filter
def initials(value: str) -> str:
    """One or two letters for a person or a workspace."""
    words = [word for word in value.split() if word]
    return "".join(word[0] for word in words[:2]).upper() or "?"


@register.simple_tag
def asset(path: str) -> str:
    """The address of a static file, with the version, so that an update is seen at once."""
    return f"{static(path)}?v={hopkey.__version__}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A small drawing beside a text that says the same."""
    return mark_safe(  # noqa: S308 - our own constant
        '<svg class="icon" width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" '
        f'stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{ICONS[name]}</svg>'
    )
