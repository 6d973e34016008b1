"""What the views of the console share: filters as chips, addresses with a filter, pages that take long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string

from hopkey.server.audit.models import AuditEvent
from hopkey.server.exports.downloads import Download
from hopkey.server.long_work import streamed

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d$")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force: what it is called, what it is, and the address of the list without it."""

    name: str
    text: str
    url: str


def address(values: Mapping[str, str], **more: str) -> str:
    """The query of a list with this filter; ``?`` alone for none, which leads to the plain list."""
    return "?" + urlencode({**values, **more})


def chips(values: Mapping[str, str], names: Mapping[str, str], texts: Mapping[str, str]) -> list[Chip]:
    """A chip for each of `values` that `names` has a name for; `texts` says by field what to show instead."""
    return [
        Chip(names[field], texts.get(field, value), address({k: v for k, v in values.items() if k != field}))
        for field, value in values.items()
        if field in names
    ]


def groups_of(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Dotted names, in order, by their first part."""
    return [(group, list(members)) for group, members in groupby(names, key=lambda name: name.partition(".")[0])]


def long_page(request: HttpRequest, template: str, context: Callable[[], dict[str, Any]]) -> StreamingHttpResponse:
    """A page whose context takes long to make: outside of the threads of the pages."""

    def made() -> Iterator[str]:
        yield render_to_string(template, context(), request)

    return streamed(request, made(), content_type="text/html; charset=utf-8")


def download(request: HttpRequest, made: Download) -> StreamingHttpResponse:
    """A list as a file: sent while it is made, outside of the threads of the pages."""
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return streamed(request, made.pieces, content_type=made.media, headers=headers)


def details_of(event: AuditEvent) -> list[tuple[str, str]]:
    """The particulars of an event as words."""
    if not isinstance(event.detail, dict):
        return []
    given = {name: value for name, value in event.detail.items() if value not in (None, "", [], {})}
    return [(name.replace("_", " "), _word(value)) for name, value in given.items()]


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')}: {_word(item)}" for name, item in value.items())
    if isinstance(value, list):
        if len(value) == 2 and not any(isinstance(item, (list, dict)) for item in value):
            return " → ".join(_word(item) for item in value)
        return ", ".join(_word(item) for item in value) or "none"
    if value is None:
        return "none"
    if isinstance(value, str) and _MOMENT.match(value):
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return f"{moment.day} {moment:%b %Y, %H:%M} UTC"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
