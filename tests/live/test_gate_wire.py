"""What the gate answers, over the wire, on both databases."""

from __future__ import annotations

import json
import time

from urllib3 import HTTPHeaderDict

from tests.live.conftest import World
from tests.support import samples
from tests.support.servers import HTTP


def test_a_collection_comes_in_the_shape_of_the_protocol(world: World) -> None:
    token = world.site.token("ana@example.com")["token"]
    answer = world.server.collection(world.collection, token)
    assert answer.status == 200
    assert "application/json" in answer.headers["Content-Type"]
    data = answer.json()
    assert set(data) == {"id", "data", "title", "parentID", "folders", "requests"}
    assert (data["id"], data["title"], data["parentID"]) == (world.collection, "Outer", None)
    assert json.loads(data["data"])["auth"] == {"authType": "none", "authActive": True}
    request = data["requests"][0]
    assert set(request) == {"id", "collectionID", "teamID", "title", "request"}
    assert (request["collectionID"], request["teamID"]) == (world.collection, world.team)
    assert json.loads(request["request"])["name"] == "Top"
    assert data["folders"][0]["parentID"] == world.collection


def test_a_folder_is_served_by_its_own_id_with_what_is_below_it(world: World) -> None:
    token = world.site.token("ana@example.com")["token"]
    folder = world.server.collection(world.collection, token).json()["folders"][0]["id"]
    data = world.server.collection(folder, token).json()
    assert (data["id"], data["parentID"], data["title"]) == (folder, world.collection, "Inner")
    assert [item["title"] for item in data["requests"]] == ["Deep"]


def test_an_environment_comes_in_the_shape_of_the_protocol(world: World) -> None:
    token = world.site.token("ben@example.com")["token"]
    answer = world.server.get(f"/v1/access-tokens/environment/{world.environment}", token)
    assert answer.json() == {
        "id": world.environment,
        "teamID": world.team,
        "name": "Staging",
        "variables": [
            {
                "key": "baseUrl",
                "secret": False,
                "initialValue": "http://127.0.0.1:1",
                "currentValue": "http://127.0.0.1:1",
            }
        ],
    }


def test_a_server_address_that_ends_with_v1_works_too(world: World) -> None:
    token = world.site.token("ana@example.com")["token"]
    assert world.server.get(f"/v1/v1/access-tokens/collection/{world.collection}", token).status == 200


def test_unknown_malformed_deleted_and_missing_tokens_look_alike_byte_for_byte(world: World) -> None:
    known = world.site.token("ana@example.com")
    deleted = known["token"]
    world.site.admin("token", "delete", known["id"])
    swapped = deleted[:20] + ("A" if deleted[20] != "A" else "B") + deleted[21:]
    answers = [
        world.server.collection(world.collection, token)
        for token in (None, "", "nonsense", deleted, swapped, "hkp_" + "0" * 51, "pat-" + "0" * 36, deleted + " x")
    ]
    answers.append(
        world.server.get(f"/v1/access-tokens/collection/{world.collection}", Authorization=f"Basic {deleted}")
    )
    # Two headers, and one so long that only its beginning is a token, are no credentials although they hold a good one.
    good = f"Bearer {world.site.token('ana@example.com')['token']}"
    path = f"/v1/access-tokens/collection/{world.collection}"
    twice = HTTPHeaderDict([("Authorization", good), ("Authorization", good)])
    answers.append(HTTP.request("GET", world.server.url + path, headers=twice))
    answers.append(world.server.get(path, Authorization=f"{good}{' ' * 5000}x"))
    assert world.server.get(path, Authorization=good).status == 200
    seen = {(item.status, item.data, item.headers["WWW-Authenticate"]) for item in answers}
    assert len(seen) == 1
    status, body, challenge = seen.pop()
    assert status == 401
    assert json.loads(body)["reason"] == "TOKEN_INVALID"
    assert 'error="invalid_token"' in challenge


def test_what_does_not_exist_is_not_theirs_or_personal_looks_alike(world: World) -> None:
    eve = world.site.token("eve@example.com")["token"]
    ana = world.site.token("ana@example.com")["token"]
    other = world.site.team("Others", "eve@example.com")
    restricted = world.site.token("eve@example.com", "--team", other)["token"]
    personal = world.site.sql(
        "SELECT w.id FROM hopkey_workspace w JOIN hopkey_user u ON u.id = w.owner_id WHERE u.email = 'ana@example.com'"
    )[0][0]
    world.site.sql(
        "INSERT INTO hopkey_collection (id, workspace_id, root_id, position, title, data, created_at) "
        f"VALUES ('cpersonal', '{personal}', 'cpersonal', 0, 'Mine', '{{}}', '2026-01-01 00:00:00')"
    )
    answers = [
        world.server.collection("cnothing", ana),
        world.server.collection(world.collection, eve),
        world.server.collection(world.collection, restricted),
        world.server.collection("cpersonal", ana),
        world.server.collection("x" * 500, ana),
        world.server.collection("", ana),
        world.server.collection("%00", ana),
        world.server.get("/v1/access-tokens/environment/nothing", ana),
    ]
    assert {(item.status, item.data) for item in answers} == {(404, answers[0].data)}
    assert answers[0].json()["reason"] == "INVALID_ID"


def test_a_restricted_token_reaches_its_teams_only_even_when_the_last_of_them_is_gone(world: World) -> None:
    team = world.site.team("Short lived", "ana@example.com")
    token = world.site.token("ana@example.com", "--team", team)["token"]
    inside = world.site.collection(team, samples.collection("In it"))
    assert world.server.collection(inside, token).status == 200
    assert world.server.collection(world.collection, token).status == 404
    world.site.sql(f"DELETE FROM hopkey_token_grant WHERE workspace_id = '{team}'")
    assert world.server.collection(inside, token).status == 404
    assert world.server.collection(world.collection, token).status == 404


def test_an_expired_token_is_told_so(world: World) -> None:
    token = world.site.token("ana@example.com")
    assert world.server.collection(world.collection, token["token"]).status == 200
    world.site.sql(f"UPDATE hopkey_token SET expires_at = '2020-01-01 00:00:00' WHERE id = {token['id']}")
    answer = world.server.collection(world.collection, token["token"])
    assert (answer.status, answer.json()["reason"]) == (401, "TOKEN_EXPIRED")


def test_other_methods_and_head(world: World) -> None:
    token = world.site.token("ana@example.com")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{world.server.url}/v1/access-tokens/collection/{world.collection}"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = HTTP.request(method, url, headers=headers)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert "reason" not in answer.json()
    head = HTTP.request("HEAD", url, headers=headers)
    assert (head.status, head.data) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(world.server.collection(world.collection, token).data)


def test_an_entity_tag_saves_the_body_but_never_the_check(world: World) -> None:
    token = world.site.token("ana@example.com")
    tag = world.server.collection(world.collection, token["token"]).headers["ETag"]
    again = world.server.collection(world.collection, token["token"], If_None_Match=tag)
    assert (again.status, again.data) == (304, b"")
    world.site.admin("token", "delete", token["id"])
    assert world.server.collection(world.collection, token["token"], If_None_Match=tag).status == 401


def test_large_answers_are_compressed_for_who_accepts_it(world: World) -> None:
    token = world.site.token("ana@example.com")["token"]
    big = world.site.collection(world.team, samples.collection("Big", *[samples.request(f"R{i}") for i in range(50)]))
    plain = world.server.collection(big, token)
    packed = HTTP.request(
        "GET",
        f"{world.server.url}/v1/access-tokens/collection/{big}",
        headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"},
        decode_content=True,
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.data == plain.data
    assert "Content-Encoding" not in world.server.collection(big, token, Accept_Encoding="gzip;q=0").headers


def test_the_last_use_is_recorded_with_address_and_agent_and_only_then(world: World) -> None:
    token = world.site.token("ana@example.com")
    used = f"FROM hopkey_token_use WHERE token_id = {token['id']} AND used_at IS NOT NULL"
    assert world.site.sql(f"SELECT 1 {used}") == []
    world.server.collection(world.collection, token["token"], User_Agent="pipeline/1")
    for _ in range(100):
        rows = world.site.sql(f"SELECT address, agent {used}")
        if rows:
            break
        time.sleep(0.1)
    assert [tuple(row) for row in rows] == [("127.0.0.1", "pipeline/1")]
