"""Small steps of reading JSON by hand: what a field must be, and what it falls back to."""

from __future__ import annotations

from typing import Any

from hopkey.formats.errors import FormatError
from hopkey.formats.model import Json, KeyValue, RequestVariable, Variable


def object_at(value: Any, place: str, what: str) -> Json:
    """Raises `FormatError` unless `value` is a JSON object."""
    if not isinstance(value, dict):
        raise FormatError(f"{what} must be an object, not {kind_of(value)}", place)
    return value


def array_at(data: Json, key: str, place: str) -> list[Any]:
    """The array under `key`; none where it is missing or null. Raises `FormatError` for anything else."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FormatError(f"{key} must be an array, not {kind_of(value)}", f"{place}.{key}")
    return value


def text(data: Json, key: str, default: str = "") -> str:
    """The text under `key`, leniently: numbers and booleans become text, anything else the default."""
    value = data.get(key)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return default


def optional_text(data: Json, key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def flag(data: Json, key: str, default: bool) -> bool:
    value = data.get(key)
    return value if isinstance(value, bool) else default


def key_values(data: Json, key: str, place: str) -> tuple[KeyValue, ...]:
    """Headers or parameters; entries that are no objects are refused."""
    return tuple(
        KeyValue(
            key=text(item, "key"),
            value=text(item, "value"),
            active=flag(item, "active", True),
            description=text(item, "description"),
        )
        for item in _objects(data, key, place)
    )


def request_variables(data: Json, place: str) -> tuple[RequestVariable, ...]:
    return tuple(
        RequestVariable(key=text(item, "key"), value=text(item, "value"), active=flag(item, "active", True))
        for item in _objects(data, "requestVariables", place)
    )


def variables(data: Json, place: str) -> tuple[Variable, ...]:
    """Variables of a collection or environment, of any version: ``value`` was the only value once."""
    result = []
    for item in _objects(data, "variables", place):
        secret = flag(item, "secret", False)
        old = text(item, "value")
        initial = text(item, "initialValue", "" if secret else old)
        current = text(item, "currentValue", "" if secret else old)
        result.append(Variable(key=text(item, "key"), initial_value=initial, current_value=current, secret=secret))
    return tuple(result)


def kind_of(value: Any) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array", dict: "an object"}
    return names.get(type(value), "something else")


def _objects(data: Json, key: str, place: str) -> list[Json]:
    items = array_at(data, key, place)
    return [object_at(item, f"{place}.{key}[{index}]", f"each of {key}") for index, item in enumerate(items)]
