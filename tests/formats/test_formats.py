"""Collections, requests and environments of every version; templates; comments in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopkey.formats import predefined
from hopkey.formats.collections import collection_dump, collections_load, collections_read
from hopkey.formats.environments import environment_dump, environment_load, environment_read
from hopkey.formats.errors import BulkEnvironmentError, FormatError
from hopkey.formats.jsonc import strip_comments
from hopkey.formats.requests import request_dump, request_read
from hopkey.formats.templates import TemplateLoop, render
from hopkey.formats.wire import collection_from_wire, environment_from_wire
from tests.support import samples

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "v",
        "name",
        "folders",
        "requests",
        "auth",
        "headers",
        "variables",
        "endpoint",
        "url",
        "path",
        "body",
        "params",
        "method",
        "authType",
        "key",
        "value",
        "active",
    ]
)


def without(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


@pytest.mark.parametrize("version", [None, *range(1, 13)])
def test_collections_of_every_version_become_the_newest(version: int | None) -> None:
    data = samples.collection("C", samples.request(), folders=[samples.collection("F", samples.request())])
    gone = {1: "auth headers", 9: "variables", 10: "description", 11: "preRequestScript testScript"}
    for item in (data, data["folders"][0]):
        for since, names in gone.items():
            if version is None or version <= since:
                for name in names.split():
                    item.pop(name)
        if version is None:
            item.pop("v")
        else:
            item["v"] = version
    (loaded,) = collections_read(data)
    out = collection_dump(loaded)
    assert out["v"] == out["folders"][0]["v"] == 12
    assert out["folders"][0]["auth"]["authType"] in ("inherit", "none")
    assert (out["variables"], out["description"], out["preRequestScript"]) == ([], None, "")
    assert collections_read(out) == [loaded]


@pytest.mark.parametrize("version", [*range(1, 18)])
def test_requests_of_every_version_become_the_newest(version: int) -> None:
    data = samples.request(v=str(version))
    if version < 2:
        data.pop("requestVariables")
    if version < 8:
        data.pop("responses")
    if version < 17:
        data.pop("description")
    loaded = request_read(data)
    out = request_dump(loaded)
    assert (out["v"], out["requestVariables"], out["responses"]) == ("17", [], {})
    assert request_read(out) == loaded


def test_the_oldest_requests_kept_address_body_and_authorization_apart() -> None:
    old = {
        "url": "https://x.test",
        "path": "/y",
        "method": "POST",
        "name": "Old",
        "headers": [{"key": "A", "value": "b", "active": True}],
        "params": [],
        "preRequestScript": "p",
        "testScript": "t",
        "contentType": "application/json",
        "rawParams": '{"a": 1}',
        "auth": "Basic Auth",
        "httpUser": "u",
        "httpPassword": "p",
    }
    loaded = request_read(old)
    assert loaded.endpoint == "https://x.test/y"
    assert loaded.body == {"contentType": "application/json", "body": '{"a": 1}'}
    assert loaded.auth == {"authType": "basic", "authActive": True, "username": "u", "password": "p"}
    assert request_read({**old, "auth": "Bearer Token", "bearerToken": "t"}).auth["token"] == "t"
    assert request_read(without(old, "auth")).auth["authType"] == "none"


def test_old_authorizations_are_renamed_into_the_newest() -> None:
    key = request_read(samples.request(auth={"authType": "api-key", "key": "k", "value": "v", "addTo": "Query params"}))
    assert (key.auth["addTo"], key.auth["authActive"]) == ("QUERY_PARAMS", True)
    old = {"authType": "oauth-2", "token": "t", "authURL": "a", "accessTokenURL": "b", "clientID": "c", "scope": "s"}
    grant = request_read(samples.request(auth=old)).auth["grantTypeInfo"]
    assert (grant["grantType"], grant["token"], grant["authEndpoint"]) == ("AUTHORIZATION_CODE", "t", "a")
    info = {"grantType": "CLIENT_CREDENTIALS", "authEndpoint": "a", "clientID": "c", "clientSecret": "s"}
    grant = request_read(samples.request(auth={"authType": "oauth-2", "grantTypeInfo": info})).auth["grantTypeInfo"]
    assert (grant["clientAuthentication"], grant["tokenRequestParams"]) == ("IN_BODY", [])


@given(st.dictionaries(KEYS, JSON, max_size=8) | JSON)
def test_whatever_comes_is_read_or_refused_with_its_place(value: Any) -> None:
    try:
        loaded = collections_read(value)
    except FormatError as error:
        place = error.place
    else:
        assert collections_read([collection_dump(item) for item in loaded]) == loaded
        return
    assert place.startswith("$")


@given(st.binary(max_size=60))
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    for load in (collections_load, environment_load):
        try:
            load(data)
        except FormatError:
            continue


def test_depth_and_number_are_bounded() -> None:
    data = samples.collection("deep")
    for _ in range(70):
        data = samples.collection("c", folders=[data])
    with pytest.raises(FormatError, match="deeper than 64"):
        collections_read(data)
    with pytest.raises(FormatError):
        collections_load(b"[" * 1_000_000)


@pytest.mark.parametrize("marker", [b"", b"\xef\xbb\xbf"])
def test_one_collection_or_an_array_of_them(marker: bytes) -> None:
    one = json.dumps(samples.collection("C")).encode()
    assert len(collections_load(marker + one)) == 1
    assert len(collections_load(marker + b"[" + one + b"," + one + b"]")) == 2


@pytest.mark.parametrize("version", ["3", 0, 11, True])
def test_graphql_requests_of_unknown_versions_are_refused(version: Any) -> None:
    with pytest.raises(FormatError, match="GraphQL request version"):
        request_read({"v": version, "name": "G", "url": "x", "query": "{a}", "headers": []})


@pytest.mark.parametrize(
    "data",
    [
        {"a": "1", "b": ""},
        {"v": 0, "name": "E", "variables": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]},
        {"name": "E", "variables": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]},
        {
            "v": 1,
            "id": "x",
            "name": "E",
            "variables": [{"key": "a", "value": "1", "secret": False}, {"key": "b", "value": ""}],
        },
        samples.environment("E", a="1", b=""),
    ],
)
def test_environments_of_every_version(data: Any) -> None:
    loaded = environment_load(json.dumps(data))
    assert {item.key: item.current_value for item in loaded.variables} == {"a": "1", "b": ""}
    assert environment_read(environment_dump(loaded)).variables == loaded.variables


def test_an_old_secret_loses_its_value_and_a_bulk_export_is_refused() -> None:
    old = {"v": 1, "name": "E", "variables": [{"key": "a", "value": "hunter2", "secret": True}]}
    assert environment_read(old).variables[0].current_value == ""
    with pytest.raises(BulkEnvironmentError):
        environment_load(json.dumps([old]))


def test_the_wire_shape_is_read_and_old_content_in_it_migrated() -> None:
    node = {
        "id": "c1",
        "data": None,
        "title": "Top",
        "parentID": None,
        "folders": [
            {
                "id": "c2",
                "data": json.dumps({"auth": {"authType": "none"}}),
                "title": "F",
                "folders": [],
                "requests": [],
            }
        ],
        "requests": [
            {
                "id": "r",
                "collectionID": "c1",
                "teamID": "t",
                "title": "T",
                "request": json.dumps(samples.request(v="1")),
            }
        ],
    }
    loaded = collection_from_wire(node)
    assert (loaded.name, loaded.requests[0].name, loaded.folders[0].auth["authType"]) == ("Top", "T", "none")
    variables = [{"key": "k", "secret": False, "initialValue": "i", "currentValue": "c"}]
    environment = environment_from_wire({"id": "e", "teamID": "t", "name": "E", "variables": variables})
    assert environment.variables[0].current_value == "c"
    with pytest.raises(FormatError) as caught:
        collection_from_wire({"title": "x", "requests": [{"request": "{"}]})
    assert caught.value.place.startswith("$")


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(alphabet="<>abcx ", max_size=12)),
    st.text(alphabet="<>abcx ", max_size=30),
)
def test_templates_end_and_leave_no_known_name(variables: dict[str, str], text: str) -> None:
    try:
        result = render(text, variables.get)
    except TemplateLoop:
        return
    assert not any(f"<<{name}>>" in result for name in variables)


def test_templates_are_filled_in_ten_levels_deep() -> None:
    chain = {str(number): f"<<{number + 1}>>" for number in range(9)} | {"9": "end"}
    assert render("a <<0>> b", chain.get) == "a end b"
    assert render("<<unknown>>.<<>>", chain.get) == "."
    with pytest.raises(TemplateLoop):
        render("<<a>>", {"a": "x<<a>>"}.get)
    with pytest.raises(TemplateLoop):
        render("<<a>>", {"a": "<<a>><<a>>"}.get)


def test_there_are_29_predefined_variables_new_at_every_mention() -> None:
    assert len(predefined.NAMES) == 29
    assert all(predefined.predefined(name) for name in predefined.NAMES)
    assert predefined.predefined("$nothing") is None
    assert predefined.predefined("$guid") != predefined.predefined("$guid")


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ('{"a": 1} // x', {"a": 1}),
        ('{"a": "// no", /* b */ "c": [1, 2,],}', {"a": "// no", "c": [1, 2]}),
        ('{"a": "\\"/* no */", // x\n}', {"a": '"/* no */'}),
    ],
)
def test_comments_and_trailing_commas_go(text: str, stripped: Any) -> None:
    assert json.loads(strip_comments(text)) == stripped


def test_comments_after_a_comma_take_no_exponential_time() -> None:
    hostile = "," + "//a" * 5000 + "x" + "/*a*/" * 5000
    assert strip_comments(hostile) == ","
    assert strip_comments('{"a": 1, // last\n /* of all */ }') == '{"a": 1 \n  }'
