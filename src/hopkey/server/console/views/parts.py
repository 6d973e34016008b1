"""What the views of the console share: filters as chips, addresses with a filter, pages that take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string

from hopkey.server.long_work import streamed


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
