"""Reading environments of any version, 0 to 2, and flat files of names and values."""

from __future__ import annotations

from typing import Any

from hopkey.formats import reading
from hopkey.formats.collections import parse, variable_dump
from hopkey.formats.errors import BulkEnvironmentError, FormatError
from hopkey.formats.model import ENVIRONMENT_VERSION, Environment, Json, Variable


def environment_load(data: bytes | str) -> Environment:
    """The environment of a file. Raises `FormatError`, `BulkEnvironmentError` for several at once."""
    return environment_read(parse(data))


def environment_read(value: Any) -> Environment:
    """`environment_load` for JSON that is parsed already."""
    if isinstance(value, list):
        raise BulkEnvironmentError("this file holds several environments; export the one that is needed")
    data = reading.object_at(value, "$", "an environment")
    if "variables" not in data and "name" not in data:
        return _flat(data)
    if not isinstance(data.get("variables"), list):
        if all(isinstance(item, str) for item in data.values()):
            return _flat(data)
        raise FormatError("an environment needs an array of variables", "$.variables")
    version = data.get("v", 0)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version <= ENVIRONMENT_VERSION:
        raise FormatError(f"environment version {version!r} is not known; the newest is 2", "$.v")
    return Environment(
        name=reading.text(data, "name", "Environment") or "Environment",
        variables=reading.variables(data, "$"),
        id=reading.optional_text(data, "id"),
    )


def environment_dump(environment: Environment) -> Json:
    """The environment as JSON in the newest schema."""
    return {
        "v": ENVIRONMENT_VERSION,
        "id": environment.id or "",
        "name": environment.name,
        "variables": [variable_dump(item) for item in environment.variables],
    }


def _flat(data: Json) -> Environment:
    variables = []
    for key, value in data.items():
        if not isinstance(value, str):
            raise FormatError(f"the value of {key!r} must be a text, not {reading.kind_of(value)}", f"$.{key}")
        variables.append(Variable(key=key, initial_value=value, current_value=value))
    return Environment(name="Environment", variables=tuple(variables))
