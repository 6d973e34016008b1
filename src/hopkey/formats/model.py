"""The newest shapes: collection v12, REST request "17", GraphQL request 10, environment v2.

Everything a file may hold beyond these is either migrated into them or kept as plain JSON (``auth``, ``body``,
``responses``), so that loading and dumping loses nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

COLLECTION_VERSION = 12
REQUEST_VERSION = "17"
GRAPHQL_VERSION = 10
ENVIRONMENT_VERSION = 2

Json = dict[str, Any]


class KeyValue(msgspec.Struct, frozen=True, kw_only=True):
    """A header or a query parameter. Inactive ones are kept but not sent."""

    key: str
    value: str
    active: bool = True
    description: str = ""


class RequestVariable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable of one request: it stands above those of collections and environments."""

    key: str
    value: str
    active: bool = True


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable of a collection or an environment. ``current_value`` counts, ``initial_value`` where it is empty."""

    key: str
    initial_value: str = ""
    current_value: str = ""
    secret: bool = False


class GraphQL(msgspec.Struct, frozen=True, kw_only=True):
    """What a GraphQL request asks: the document, and its variables as JSON text, templates in both as written."""

    query: str
    variables: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request. ``auth``: {authType, authActive, ...}; ``body``: {contentType, body, ...}.

    ``graphql`` is what a GraphQL request posts to its ``endpoint``; None for REST.
    """

    name: str
    method: str
    endpoint: str
    params: tuple[KeyValue, ...] = ()
    headers: tuple[KeyValue, ...] = ()
    auth: Json
    body: Json
    request_variables: tuple[RequestVariable, ...] = ()
    pre_request_script: str = ""
    test_script: str = ""
    responses: Json
    description: str | None = None
    id: str | None = None
    ref_id: str | None = None
    graphql: GraphQL | None = None


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A collection or a folder, with what is inherited by everything in it."""

    name: str
    folders: tuple[Collection, ...] = ()
    requests: tuple[Request, ...] = ()
    auth: Json
    headers: tuple[KeyValue, ...] = ()
    variables: tuple[Variable, ...] = ()
    description: str | None = None
    pre_request_script: str = ""
    test_script: str = ""
    id: str | None = None
    ref_id: str | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of variables."""

    name: str
    variables: tuple[Variable, ...] = ()
    id: str | None = None
