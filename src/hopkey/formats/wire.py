"""The shapes in which a server answers a personal access token (docs/api.md, "The gate")."""

from __future__ import annotations

from typing import Any

from hopkey.formats import reading
from hopkey.formats.collections import MAX_DEPTH, collection_of, parse
from hopkey.formats.environments import environment_read
from hopkey.formats.errors import FormatError
from hopkey.formats.model import Collection, Environment, Json
from hopkey.formats.requests import request_read


def collection_from_wire(value: Any, place: str = "$", depth: int = 0) -> Collection:
    """A collection as the server sends it: ``data`` and each ``request`` are JSON in a text. Raises `FormatError`."""
    node = reading.object_at(value, place, "a collection")
    if depth > MAX_DEPTH:
        raise FormatError(f"folders are nested deeper than {MAX_DEPTH} levels", place)
    data = _inner(node.get("data"), f"{place}.data")
    if "title" not in node and depth == 0:
        raise FormatError("a collection needs a title", f"{place}.title")
    data["name"] = reading.text(node, "title", "Untitled collection")
    data["id"] = reading.text(node, "id")
    requests = []
    for index, item in enumerate(reading.array_at(node, "requests", place)):
        inside = f"{place}.requests[{index}]"
        entry = reading.object_at(item, inside, "a request")
        request = _inner(entry.get("request"), f"{inside}.request")
        request["name"] = reading.text(entry, "title") or reading.text(request, "name")
        request["id"] = reading.text(entry, "id")
        requests.append(request_read(request, f"{inside}.request"))
    folders = tuple(
        collection_from_wire(item, f"{place}.folders[{index}]", depth + 1)
        for index, item in enumerate(reading.array_at(node, "folders", place))
    )
    return collection_of(data, f"{place}.data", folders=folders, requests=requests)


def environment_from_wire(value: Any) -> Environment:
    """An environment as the server sends it. Raises `FormatError`."""
    data = dict(reading.object_at(value, "$", "an environment"))
    data.pop("v", None)
    return environment_read(data)


def _inner(value: Any, place: str) -> Json:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        value = parse(value)
    return dict(reading.object_at(value, place, "this"))
