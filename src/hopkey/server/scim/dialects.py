"""What identity providers send that RFC 7644 does not know, brought into its words. Pure."""

from __future__ import annotations

import re
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


def member_changes(body: dict[str, Any]) -> tuple[set[str], set[str]] | None:
    """Of a normalised PATCH that only lets members come and go, by their ids: who comes, and who goes. None for
    anything else, and for what is to be refused.
    """
    come: set[str] = set()
    go: set[str] = set()
    operations = body.get("Operations")
    for item in operations if isinstance(operations, list) and operations else [None]:
        change = _member_change(item) if isinstance(item, dict) else None
        if change is None:
            return None
        adding, ids = change
        come, go = (come | ids, go - ids) if adding else (come - ids, go | ids)
    return come, go


def _member_change(item: dict[str, Any]) -> tuple[bool, set[str]] | None:
    op, path, value = str(item.get("op")).lower(), item.get("path"), item.get("value")
    if op == "remove" and isinstance(path, str) and value is None:
        found = _ONE_MEMBER.fullmatch(path.strip())
        return (False, {found[1]}) if found else None
    if not path and op == "add" and isinstance(value, dict) and set(value) == {"members"}:
        path, value = "members", _members(value["members"])
    if op not in ("add", "remove") or not isinstance(path, str) or path.strip().lower() != "members":
        return None
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) and isinstance(one.get("value"), str) and "type" not in one for one in values):
        return None
    return op == "add", {one["value"] for one in values}


_ONE_MEMBER = re.compile(r'members\[\s*value\s+eq\s+"([A-Za-z0-9_-]{1,64})"\s*\]', re.IGNORECASE)


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
