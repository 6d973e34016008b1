"""The outline of a collection for people to read: folders and requests in order, without their bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from hopkey.server.workspaces.models import Collection, Request


class Step(StrEnum):
    """A folder opens, closes, or a request stands in it."""

    OPEN = "open"
    CLOSE = "close"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Line:
    """One step through the tree. ``count``: of a folder, the requests in it and below."""

    step: Step
    id: str = ""
    title: str = ""
    count: int = 0
    method: str = ""
    endpoint: str = ""


class _Shown(msgspec.Struct):
    """What is shown of a request; the rest of its JSON is passed over unread."""

    method: str = "GET"
    endpoint: str = ""


_DECODER = msgspec.json.Decoder(_Shown)
_CLOSE = Line(Step.CLOSE)
_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Outline:
    lines: tuple[Line, ...]
    folder_count: int
    request_count: int


def outline_get(collection: Collection) -> Outline:
    """The tree below a collection as steps that open and close: two queries, however large it is."""
    folders: dict[str | None, list[tuple[str, str]]] = {}
    requests: dict[str, list[Line]] = {}
    order: list[tuple[str, str | None]] = []
    rows = Collection.objects.filter(root_id=collection.root_id).order_by("position", "id")
    for pk, parent, title in rows.values_list("pk", "parent_id", "title"):
        folders.setdefault(parent, []).append((pk, title))
    below = Request.objects.filter(root_id=collection.root_id).order_by("position", "id")
    for pk, within, title, body in below.values_list("pk", "collection_id", "title", "body"):
        method, endpoint = _shown(body)
        line = Line(Step.REQUEST, pk, title, method=method, endpoint=endpoint)
        requests.setdefault(within, []).append(line)
    # Parents before children, then counted from the leaves up: no recursion, so no depth is too deep.
    order = [(collection.pk, None)]
    for pk, _ in order:
        order.extend((child, pk) for child, _ in folders.get(pk, ()))
    counts = {pk: len(requests.get(pk, ())) for pk, _ in order}
    for pk, holder in reversed(order):
        if holder is not None:
            counts[holder] += counts[pk]
    lines = tuple(_lines(collection.pk, folders, requests, counts))
    return Outline(lines, folder_count=len(order) - 1, request_count=counts[collection.pk])


def _lines(
    top: str,
    folders: dict[str | None, list[tuple[str, str]]],
    requests: dict[str, list[Line]],
    counts: dict[str, int],
) -> Iterator[Line]:
    """Folders first, then requests, as they run."""
    stack: list[Line] = []

    def below(pk: str) -> list[Line]:
        opened = [Line(Step.OPEN, child, title, counts[child]) for child, title in folders.get(pk, ())]
        return [*opened, *requests.get(pk, ())]

    stack.extend(reversed(below(top)))
    while stack:
        line = stack.pop()
        yield line
        if line.step is Step.OPEN:
            stack.append(_CLOSE)
            stack.extend(reversed(below(line.id)))


def _shown(body: str) -> tuple[str, str]:
    try:
        found = _DECODER.decode(body)
    except msgspec.DecodeError:
        return "GET", ""
    return found.method[:10], found.endpoint[:_LENGTH]
