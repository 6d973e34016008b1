"""Which requests a run has, in which order, and what each inherits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from hopkey.formats.model import Collection, Json, KeyValue, Request, Variable


class SelectionError(Exception):
    """A folder or request that was asked for is not there. The message names it and what there is."""


class Position(msgspec.Struct, frozen=True):
    """A request in its tree: the folders above it, outermost first."""

    request: Request
    parents: tuple[Collection, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(parent.name for parent in self.parents), self.request.name)

    @property
    def path(self) -> str:
        return "/".join(self.names)

    @property
    def auth(self) -> Json:
        """The request's authorization, or the nearest one above it that does not itself inherit.

        As in the official runner, one that inherits does so whether it is switched on or not; but not in GraphQL.
        """
        if self.request.graphql is not None and not self.request.auth.get("authActive", True):
            return self.request.auth
        for auth in (self.request.auth, *(parent.auth for parent in reversed(self.parents))):
            if auth.get("authType") != "inherit":
                return auth
        return {"authType": "none", "authActive": True}

    @property
    def headers(self) -> tuple[KeyValue, ...]:
        """Headers inherited from the folders above; an inner one replaces an outer one of the same name.

        One that is switched off stands in the way of those above it, too.
        """
        found: dict[str, KeyValue] = {}
        for parent in self.parents:
            found |= {item.key.lower(): item for item in parent.headers}
        return tuple(item for item in found.values() if item.active)

    @property
    def variables(self) -> tuple[Sequence[Variable], ...]:
        return tuple(parent.variables for parent in self.parents)

    @property
    def effective(self) -> Request:
        """The request with what it inherits: its own headers first, then those that it does not name itself."""
        own = {item.key.lower() for item in self.request.headers if item.active or self.request.graphql is None}
        inherited = tuple(item for item in self.headers if item.key.lower() not in own)
        return msgspec.structs.replace(self.request, auth=self.auth, headers=(*self.request.headers, *inherited))


def positions(collections: Sequence[Collection]) -> Iterator[Position]:
    """Every request in the order of a run: the requests of a collection, then its folders, each the same way."""
    stack: list[tuple[Collection, tuple[Collection, ...]]] = [(item, ()) for item in reversed(collections)]
    while stack:
        collection, above = stack.pop()
        parents = (*above, collection)
        for request in collection.requests:
            yield Position(request, parents)
        stack.extend((folder, parents) for folder in reversed(collection.folders))


def select(all_: Sequence[Position], folders: Sequence[str], requests: Sequence[str]) -> list[Position]:
    """The requests in one of `folders` or named by one of `requests`, in their order; all of them where none is given.

    A name is that of the folder or request, its id, or the end of its path (``Orders/Create``).
    Raises `SelectionError`.
    """
    if not folders and not requests:
        return list(all_)
    for name in folders:
        if not any(_in_folder(position, name) for position in all_):
            there = sorted({parent.name for position in all_ for parent in position.parents})
            raise SelectionError(f"there is no folder {name!r}; there is {', '.join(there[:20]) or 'none'}")
    for name in requests:
        if not any(_is_request(position, name) for position in all_):
            there = sorted({position.request.name for position in all_})
            raise SelectionError(f"there is no request {name!r}; there is {', '.join(there[:20]) or 'none'}")
    return [
        position
        for position in all_
        if any(_in_folder(position, name) for name in folders) or any(_is_request(position, name) for name in requests)
    ]


def _in_folder(position: Position, name: str) -> bool:
    return any(
        name in (parent.name, parent.id, parent.ref_id) or _ends(position.names[: depth + 1], name)
        for depth, parent in enumerate(position.parents)
        if name
    )


def _is_request(position: Position, name: str) -> bool:
    request = position.request
    return name in (request.name, request.id, request.ref_id) or _ends(position.names, name)


def _ends(names: tuple[str, ...], name: str) -> bool:
    path = "/".join(names)
    return path == name or path.endswith(f"/{name}")
