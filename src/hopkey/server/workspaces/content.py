"""Collections and environments coming in and going out as Hoppscotch JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Max

from hopkey.formats.collections import collection_data_dump, collection_dump, collection_of, collections_load
from hopkey.formats.environments import environment_dump, environment_load, environment_read
from hopkey.formats.errors import FormatError
from hopkey.formats.model import Collection as CollectionFile
from hopkey.formats.model import Environment as EnvironmentFile
from hopkey.formats.model import Variable
from hopkey.formats.requests import request_dump, request_read
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.changes.batch import batch
from hopkey.server.errors import DomainError
from hopkey.server.ids import new_id
from hopkey.server.workspaces.models import Collection, Environment, Request, Workspace
from hopkey.server.workspaces.selectors import Node, tree_get

_TITLE_LENGTH = 500
_BATCH = 500
_PARTS = 2_000_000
T = TypeVar("T")


def collection_import(*, workspace: Workspace, data: bytes, by: Actor) -> list[Collection]:
    """Add the collections of a file, of any schema version, at the end. All of it or nothing.

    Values of secret variables are left behind. Raises `DomainError` (``file_invalid``) naming the place of the fault.
    """
    files = _readable(data, collections_load)
    rows: list[Collection] = []
    requests: list[Request] = []
    tops = [_flatten(file, workspace, rows, requests) for file in files]
    with batch():
        last = workspace.collections.filter(parent=None).aggregate(last=Max("position"))["last"]
        for offset, top in enumerate(tops, start=1):
            top.position = (last if last is not None else -1) + offset
        Collection.objects.bulk_create(rows, batch_size=_BATCH)
        Request.objects.bulk_create(requests, batch_size=_BATCH)
        for top in tops:
            _record(Event.COLLECTION_IMPORTED, "collection", top.pk, top.title, workspace, by)
    return tops


def collection_export(collection: Collection) -> dict[str, Any]:
    """A collection with everything in it, in the newest schema."""
    return collection_dump(_file_of(tree_get(collection)))


def collection_delete(*, collection: Collection, by: Actor) -> None:
    """Delete a collection (or folder) with everything in it."""
    with batch():
        _record(Event.COLLECTION_DELETED, "collection", collection.pk, collection.title, collection.workspace, by)
        collection.delete()


def environment_import(*, workspace: Workspace, data: bytes, by: Actor) -> Environment:
    """Add the environment of a file, of any schema version. Values of secret variables are left behind.

    Raises `DomainError` (``file_invalid``) naming the place of the fault.
    """
    file = _readable(data, environment_load)
    with batch():
        environment = Environment.objects.create(
            workspace=workspace,
            name=_title(file.name),
            variables=json.dumps([_variable(item) for item in file.variables], ensure_ascii=False),
        )
        _record(Event.ENVIRONMENT_IMPORTED, "environment", environment.pk, environment.name, workspace, by)
    return environment


def environment_export(environment: Environment) -> dict[str, Any]:
    """The environment in the newest schema."""
    stored = environment_read({"name": environment.name, "variables": json.loads(environment.variables)})
    return environment_dump(EnvironmentFile(name=stored.name, variables=stored.variables, id=environment.pk))


def environment_delete(*, environment: Environment, by: Actor) -> None:
    with batch():
        _record(Event.ENVIRONMENT_DELETED, "environment", environment.pk, environment.name, environment.workspace, by)
        environment.delete()


def _readable(data: bytes, read: Callable[[bytes], T]) -> T:
    if sum(data.count(sign) for sign in (b"{", b"[")) > _PARTS:
        # Empty objects take fifty times the memory of their text.
        raise DomainError("file_invalid", "Nothing was imported: the file has too many parts.", field="file")
    try:
        return read(data)
    except FormatError as error:
        raise DomainError(
            "file_invalid", f"Nothing was imported: {error.message} (at {error.place}).", field="file"
        ) from None


def _flatten(file: CollectionFile, workspace: Workspace, rows: list[Collection], requests: list[Request]) -> Collection:
    """Rows for `file` and everything in it, parents before children."""
    top: Collection | None = None
    stack: list[tuple[CollectionFile, Collection | None, int]] = [(file, None, 0)]
    while stack:
        item, parent, position = stack.pop()
        identity = new_id()
        data = collection_data_dump(item)
        data["variables"] = [_blanked(variable) for variable in data["variables"]]
        if item.ref_id is not None:
            data["_ref_id"] = item.ref_id
        row = Collection(
            id=identity,
            workspace=workspace,
            parent=parent,
            root_id=parent.root_id if parent else identity,
            position=position,
            title=_title(item.name),
            data=json.dumps(data, ensure_ascii=False),
        )
        top = top or row
        rows.append(row)
        for index, request in enumerate(item.requests):
            requests.append(
                Request(
                    id=new_id(),
                    collection=row,
                    root_id=row.root_id,
                    position=index,
                    title=_title(request.name),
                    body=json.dumps(request_dump(request), ensure_ascii=False),
                )
            )
        stack.extend((folder, row, index) for index, folder in reversed(list(enumerate(item.folders))))
    if top is None:
        raise ValueError("a collection has at least itself")
    return top


def _file_of(node: Node) -> CollectionFile:
    data = json.loads(node.collection.data)
    data["name"] = node.collection.title
    data["id"] = node.collection.pk
    requests = []
    for request in node.requests:
        body = json.loads(request.body)
        body["name"], body["id"] = request.title, request.pk
        requests.append(request_read(body))
    return collection_of(data, "$", folders=tuple(_file_of(folder) for folder in node.folders), requests=requests)


def _title(name: str) -> str:
    """A name as a column takes it: bounded, and without the NUL character, which PostgreSQL refuses."""
    return name.replace("\0", "\ufffd")[:_TITLE_LENGTH]


def _variable(variable: Variable) -> dict[str, Any]:
    return _blanked(
        {
            "key": variable.key,
            "secret": variable.secret,
            "initialValue": variable.initial_value,
            "currentValue": variable.current_value,
        }
    )


def _blanked(variable: dict[str, Any]) -> dict[str, Any]:
    """Values of secrets are never stored: they come from the environment of the run."""
    return {**variable, "initialValue": "", "currentValue": ""} if variable["secret"] else variable


def _record(event: Event, kind: str, id_: str, label: str, workspace: Workspace, by: Actor) -> None:
    record(event, by=by, kind=kind, id=id_, label=label, detail={"workspace": workspace.pk})
