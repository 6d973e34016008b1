"""What identity providers say, brought into the words of RFC 7644. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from hopkey.server.scim.dialects import member_changes, patch_normalise


def changes(*operations: Any) -> tuple[set[str], set[str]] | None:
    return member_changes(patch_normalise({"operations": list(operations)}))


@pytest.mark.parametrize(
    ("operation", "come", "go"),
    [
        (
            {"op": "Add", "path": "members", "value": [{"value": "a"}, {"value": "b", "display": "B"}]},
            {"a", "b"},
            set(),
        ),
        ({"op": "add", "path": "Members", "value": {"$ref": None, "value": "a"}}, {"a"}, set()),
        ({"op": "add", "value": {"members": [{"value": "a"}]}}, {"a"}, set()),
        ({"op": "remove", "path": 'members[value eq "a"]'}, set(), {"a"}),
        ({"op": "Remove", "path": 'members[ VALUE EQ "a" ]'}, set(), {"a"}),
        ({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "a"}]}, set(), {"a"}),
    ],
)
def test_who_comes_and_who_goes(operation: dict[str, Any], come: set[str], go: set[str]) -> None:
    assert changes(operation) == (come, go)
    assert changes(operation, {"op": "add", "path": "members", "value": [{"value": "z"}]}) == (come | {"z"}, go)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "members"},
        {"op": "replace", "path": "members", "value": [{"value": "a"}]},
        {"op": "add", "path": "members", "value": [{"value": "a", "type": "Group"}]},
        {"op": "add", "path": "members", "value": [{"display": "a"}]},
        {"op": "add", "path": "members", "value": ["a"]},
        {"op": "add", "path": "members"},
        {"op": "add", "value": {"members": [{"value": "a"}], "displayName": "x"}},
        {"op": "remove", "path": 'members[value eq "a" or value eq "b"]'},
        {"op": "remove", "path": 'members[display eq "a"]'},
        {"op": "remove", "path": 'members[value eq "a"].display'},
        {"op": "replace", "path": "displayName", "value": "x"},
        {"op": None, "path": 5, "value": 5},
        "nonsense",
    ],
)
def test_anything_else_is_left_to_the_models(operation: Any) -> None:
    assert changes(operation) is None
    assert changes({"op": "add", "path": "members", "value": [{"value": "a"}]}, operation) is None


@pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": "x"}, {"Operations": None}])
def test_no_operations_are_left_to_the_models(body: dict[str, Any]) -> None:
    assert member_changes(patch_normalise(body)) is None


def test_single_values_are_unwrapped_and_what_is_repeated_is_left_out() -> None:
    wrapped = {"op": "Replace", "path": "active", "value": [{"$ref": None, "value": "False"}]}
    whole = {"op": "replace", "value": {"id": "x", "schemas": [], "meta": {}, "displayName": "N"}}
    clear = {"op": "replace", "path": "displayName", "value": None}
    said = patch_normalise({"schemas": ["s"], "Operations": [wrapped, whole, clear]})
    assert said["schemas"] == ["s"]
    assert [item["value"] for item in said["Operations"]] == ["False", {"displayName": "N"}, None]
