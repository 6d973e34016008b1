"""What a token reaches: the route of the gate, and the commands that ask it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.live.conftest import World
from tests.support import samples
from tests.support.servers import HOPKEY

REACH = "/v1/access-tokens/reach"


def hopkey(world: World, token: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "HOPKEY_TOKEN": token, "HOPKEY_SERVER": world.server.url, **environ}
    done = subprocess.run([*HOPKEY, *arguments], capture_output=True, text=True, env=env, check=False)
    assert token not in done.stdout + done.stderr
    return done


def test_it_names_teams_collections_and_environments_and_nothing_personal(world: World) -> None:
    made = world.site.token("ben@example.com")
    answer = world.server.get(REACH, made["token"])
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    data = answer.json()
    assert data["owner"] == {"name": "Ben", "email": "ben@example.com"} or data["owner"]["email"] == "ben@example.com"
    assert (data["token"]["label"], data["token"]["expiresOn"] is None) == (made["label"], made["expiresOn"] is None)
    (team,) = [item for item in data["workspaces"] if item["id"] == world.team]
    assert (team["name"], team["role"]) == ("Orders", "VIEWER")
    assert {"id": world.collection, "name": "Outer"} in team["collections"]
    assert {"id": world.environment, "name": "Staging"} in team["environments"]
    assert all(item["id"] != "" and item["role"] for item in data["workspaces"])
    eve = world.site.token("eve@example.com")["token"]
    assert world.server.get(REACH, eve).json()["workspaces"] == []


def test_it_answers_only_to_valid_tokens_and_sees_every_change_at_once(world: World) -> None:
    assert world.server.get(REACH, None).json()["reason"] == "TOKEN_INVALID"
    made = world.site.token("ana@example.com")
    other = world.site.team("Soon", "ana@example.com")
    names = [item["name"] for item in world.server.get(REACH, made["token"]).json()["workspaces"]]
    assert "Soon" in names
    restricted = world.site.admin(
        "token", "issue", "--user", "ana@example.com", "--label", "only", "--expires", "7", "--team", other
    )["token"]
    assert [item["name"] for item in world.server.get(REACH, restricted).json()["workspaces"]] == ["Soon"]
    world.site.admin("token", "delete", made["id"])
    assert world.server.get(REACH, made["token"]).status == 401


def test_an_answer_says_when_the_token_ends_where_that_is_near(world: World) -> None:
    week = world.site.admin("token", "issue", "--user", "ana@example.com", "--label", "week", "--expires", "7")
    month = world.site.admin("token", "issue", "--user", "ana@example.com", "--label", "month", "--expires", "30")
    path = f"/v1/access-tokens/collection/{world.collection}"
    assert world.server.get(path, week["token"]).headers["Hopkey-Token-Expires"][:10] == week["expiresOn"][:10]
    assert "Hopkey-Token-Expires" not in world.server.get(path, month["token"]).headers
    done = hopkey(world, week["token"], "whoami")
    assert done.returncode == 0
    told = hopkey(world, week["token"], "pull", world.collection, "-o", "-")
    assert "this token expires in" in told.stderr
    assert "expires" not in hopkey(world, month["token"], "pull", world.collection, "-o", "-").stderr


def test_ls_and_whoami_say_what_people_need(world: World) -> None:
    made = world.site.token("ben@example.com")
    listed = hopkey(world, made["token"], "ls")
    assert f"    {world.collection}  Outer" in listed.stdout.splitlines()
    assert "Orders  (viewer, " in listed.stdout
    data = json.loads(hopkey(world, made["token"], "ls", "--json").stdout)
    assert data["owner"]["email"] == "ben@example.com"
    who = hopkey(world, made["token"], "whoami").stdout
    assert "ben@example.com" in who
    assert "Orders" in who
    refused = hopkey(world, made["token"][:-1] + "0", "ls")
    assert (refused.returncode, "ERROR_CODE: TOKEN_INVALID" in refused.stderr) == (4, True)
    without = subprocess.run([*HOPKEY, "ls"], capture_output=True, text=True, env={"PATH": "/usr/bin"}, check=False)
    assert (without.returncode, "a token is needed" in without.stderr) == (4, True)


def test_pull_saves_a_file_that_runs_and_never_replaces_one_unasked(world: World, tmp_path: Path) -> None:
    token = world.site.token("ben@example.com")["token"]
    place = tmp_path / "saved.json"
    assert hopkey(world, token, "pull", "Orders/Outer", "-o", str(place)).returncode == 0
    data = json.loads(place.read_text())
    assert (data["v"], data["name"], data["folders"][0]["name"]) == (12, "Outer", "Inner")
    again = hopkey(world, token, "pull", world.collection, "-o", str(place))
    assert (again.returncode, "--force replaces it" in again.stderr) == (2, True)
    assert hopkey(world, token, "pull", world.collection, "-o", str(place), "--force").returncode == 0
    inner = hopkey(world, token, "pull", "Orders/Outer/Inner", "-o", "-")
    assert json.loads(inner.stdout)["name"] == "Inner"
    environment = hopkey(world, token, "pull", "--environment", "Orders/Staging", "-o", "-")
    assert json.loads(environment.stdout)["variables"][0]["key"] == "baseUrl"


def test_a_collection_runs_by_its_path_on_the_server(world: World) -> None:
    token = world.site.token("ben@example.com")["token"]
    request = samples.request("Ping", endpoint=world.server.url + "/healthz")
    smoke = samples.collection("Smoke tests", request)
    whole = samples.collection("By path", samples.request("Never"), folders=[smoke])
    world.site.collection(world.team, whole)
    done = hopkey(world, token, "test", "Orders/By path/Smoke tests", "-e", "Orders/Staging")
    assert (done.returncode, "By path/Smoke tests/Ping" in done.stdout, "Never" in done.stdout) == (0, True, False), (
        done.stdout + done.stderr
    )
    lost = hopkey(world, token, "test", "Orders/Nothing")
    assert (lost.returncode, "ERROR_CODE: INVALID_ID" in lost.stderr) == (4, True)
    folder = hopkey(world, token, "test", "Orders/By path/Nothing")
    assert (folder.returncode, "there is no folder" in folder.stderr) == (2, True)


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_the_token_comes_from_a_file_or_from_standard_input(world: World, tmp_path: Path, how: str) -> None:
    token = world.site.token("ben@example.com")["token"]
    place = tmp_path / "token"
    place.write_text(token + "\n")
    place.chmod(0o600)
    done = subprocess.run(
        [*HOPKEY, "whoami", "--server", world.server.url, "--token-file", "-" if how == "stdin" else str(place)],
        input=token if how == "stdin" else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ben@example.com" in done.stdout
