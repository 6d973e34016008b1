"""What a GraphQL request posts: GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hopkey.formats.model import GraphQL
from hopkey.formats.templates import render
from hopkey.runner.variables import Scope

_TOKEN = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n\r]*|[_A-Za-z]\w*|[{}()\[\]]|\.\.\.|[^\s,\ufeff]', re.ASCII
)
_CLOSES = {"}": "{", ")": "(", "]": "["}
_KINDS = frozenset(["query", "mutation", "subscription"])


class GraphQLError(Exception):
    """A request that cannot be posted. The message says what to change."""


def payload(graphql: GraphQL, scope: Scope, name: str) -> bytes:
    """The body: document, variables and the name of its first operation. `name` is that of the request.

    Templates are filled in before, so that they stay what they are in JSON. What is no GraphQL is posted as it stands,
    for the server to say so. Raises `GraphQLError`, `TemplateLoop`.
    """
    query = render(graphql.query, scope.lookup)
    variables = render(graphql.variables, scope.lookup)
    kind, operation = first_operation(query)
    if kind == "subscription":
        raise GraphQLError(f"GraphQL subscriptions are not supported in the CLI runner: {name}")
    result: dict[str, Any] = {"query": query}
    if variables:
        try:
            result["variables"] = msgspec.json.decode(variables)
        except (msgspec.DecodeError, RecursionError):
            raise GraphQLError(f"Invalid JSON in GraphQL variables: {name}") from None
    if operation:
        result["operationName"] = operation
    return msgspec.json.encode(result)


def first_operation(document: str) -> tuple[str, str]:
    """Kind and name of the first operation; both empty where there is none, or where the brackets do not match."""
    open_: list[str] = []
    found: tuple[str, str] | None = None
    before = ""  # the last word at the outermost level that has not been followed by its selection yet
    waiting = False
    for match in _TOKEN.finditer(document):
        piece = match.group()
        if piece[0] == "#":
            continue
        if piece in _CLOSES:
            if not open_ or open_.pop() != _CLOSES[piece]:
                return "", ""
            if not open_ and piece == "}":
                before = ""
        elif piece in "{([":
            if not open_ and piece == "{" and not before and found is None:
                found = ("query", "")
            open_.append(piece)
            waiting = False
        elif not open_:
            if waiting and found is not None and piece[0].isidentifier():
                found = (found[0], piece)
            waiting = False
            if not before and piece in _KINDS and found is None:
                found, waiting = (piece, ""), True
            before = before or piece
    return ("", "") if open_ or found is None else found
