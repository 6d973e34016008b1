"""What identity providers send that RFC 7644 does not know, brought into its words. Pure."""

from __future__ import annotations

from typing import Any


def patch_normalise(body: dict[str, Any]) -> dict[str, Any]:
    """A PATCH in the words of RFC 7644, 3.5.2.

    Entra wraps single values (``[{"$ref": null, "value": "False"}]``) and names members to remove in a value beside the
    path; Okta repeats the id in a value without path. Booleans written as texts, and operations in any case, are left
    to the models.
    """
    operations = next((value for name, value in body.items() if name.lower() == "operations"), None)
    if not isinstance(operations, list):
        return body
    rest = {name: value for name, value in body.items() if name.lower() != "operations"}
    return {**rest, "Operations": [_operation(item) for item in operations]}


def _operation(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    value, path = item.get("value"), item.get("path")
    if isinstance(path, str) and path.strip().lower() in _SINGLE:
        return {**item, "value": _unwrapped(value)} if "value" in item else item
    if isinstance(path, str) and path.strip().lower() == "members" and "value" in item:
        return {**item, "value": _members(value)}
    if not path and isinstance(value, dict):
        return {**item, "value": {name: part for name, part in value.items() if name.lower() not in _REPEATED}}
    return item


def _unwrapped(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]
    if isinstance(value, dict) and "value" in value and set(value) <= {"$ref", "value"}:
        return value["value"]
    return value


def _members(value: Any) -> Any:
    """Members by their id alone: nothing else said of them may keep one from being found, and so from being removed."""
    if isinstance(value, list):
        return [_members(item) for item in value]
    if isinstance(value, dict) and "value" in value:
        is_group = str(value.get("type", "")).lower() == "group"  # kept, to be refused
        return {"value": value["value"], **({"type": "Group"} if is_group else {})}
    return value


_SINGLE = frozenset(
    {
        "active",
        "username",
        "displayname",
        "externalid",
        "name.formatted",
        "name.givenname",
        "name.familyname",
    }
)
_REPEATED = frozenset({"id", "schemas", "meta"})
"""What a whole representation repeats although nobody can change it."""
