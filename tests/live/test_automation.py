"""Offboarding from outside, on served sites: what SCIM or ``/v1/infra`` answered holds for the very next request."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.live.conftest import World
from tests.support.servers import HTTP, Running

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
DOCS = Path(__file__).parents[2] / "docs"


def automation_token(world: World, access: str, *flags: str, by: str = "ana@example.com") -> dict[str, Any]:
    given = ("--administrator", by, "--label", f"{access} token", "--expires", "7", "--access", access)
    return dict(world.site.admin("automation-token", "issue", *given, *flags))


def send(server: Running, method: str, path: str, token: str, body: Any = None) -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/scim+json" if path.startswith("/scim") else "application/json"
    return HTTP.request(method, server.url + path, body=json.dumps(body) if body is not None else None, headers=headers)


@pytest.fixture(scope="module")
def second(world: World) -> Running:
    return world.site.serve(HOPKEY_FAILED_TOKEN_LIMIT="0")


@pytest.mark.parametrize("way", ["scim patch", "scim delete", "infra deactivate", "scim group", "infra member"])
def test_the_next_request_of_a_leaver_is_refused_on_every_node(world: World, second: Running, way: str) -> None:
    email = f"{way.replace(' ', '.')}@example.com"
    user = world.site.user(email)["id"]
    key = automation_token(world, "full")["token"]
    collection, team = world.collection, world.team
    if way == "scim group":
        members = [{"value": user}]
        made = send(second, "POST", "/scim/v2/Groups", key, {"displayName": f"Team {team}", "members": members})
        group = made.json()["id"]
        world.site.admin("group", "link", group, "--team", team, "--role", "viewer")
        off = ("PATCH", f"/scim/v2/Groups/{group}", patch({"op": "remove", "path": f'members[value eq "{user}"]'}))
    else:
        world.site.admin("team", "add-member", "--team", team, "--email", email, "--role", "viewer")
        off = {
            "scim patch": ("PATCH", f"/scim/v2/Users/{user}", patch({"op": "Replace", "value": {"active": "False"}})),
            "scim delete": ("DELETE", f"/scim/v2/Users/{user}", None),
            "infra deactivate": ("PATCH", f"/v1/infra/users/{user}/deactivate", None),
            "infra member": ("DELETE", f"/v1/infra/workspaces/{team}/user/{user}", None),
        }[way]
    token = world.site.token(email)["token"]
    for server in (world.server, second):
        assert server.collection(collection, token).status == 200
    served: list[float] = []
    stop = threading.Event()

    def read(server: Running) -> None:
        while not stop.is_set():
            start = time.monotonic()
            if server.collection(collection, token).status == 200:
                served.append(start)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, server) for server in (world.server, second) for _ in range(2)]
        time.sleep(0.2)
        answer = send(world.server, off[0], off[1], key, off[2])
        answered = time.monotonic()
        assert answer.status in (200, 204), answer.data
        time.sleep(0.3)
        stop.set()
        for reader in readers:
            reader.result()
    assert served
    assert [start for start in served if start > answered] == []
    gone = way in ("scim group", "infra member")
    for server in (world.server, second):
        assert server.collection(collection, token).status == (404 if gone else 401)


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def test_a_deleted_token_and_a_demoted_creator_are_refused_at_once_on_every_node(world: World, second: Running) -> None:
    world.site.user("boss@example.com", "--administrator")
    made = automation_token(world, "read")
    theirs = automation_token(world, "full", by="boss@example.com")
    for server in (world.server, second):
        assert send(server, "GET", "/v1/infra/users", made["token"]).status == 200
        assert send(server, "GET", "/scim/v2/Users?count=1", theirs["token"]).status == 200
    world.site.admin("automation-token", "delete", made["id"])
    (boss,) = send(world.server, "GET", "/v1/infra/users?searchString=boss@", theirs["token"]).json()
    key = automation_token(world, "full")["token"]
    assert (
        send(world.server, "PATCH", f"/v1/infra/users/{boss['uid']}/admin-status", key, {"isAdmin": False}).status
        == 200
    )
    for server in (world.server, second):
        for token, path in ((made["token"], "/v1/infra/users"), (theirs["token"], "/v1/v1/infra/users")):
            refused = send(server, "GET", path, token)
            assert (refused.status, refused.json()["message"]) == (401, "infra_token/invalid_token")
        assert send(server, "GET", "/scim/v2/Users", theirs["token"]).status == 401
    listed = {item["id"]: item for item in world.site.admin("automation-token", "list")}
    assert made["id"] not in listed
    assert listed[theirs["id"]]["stoppedBy"] == "creator is no administrator any more"
    assert listed[theirs["id"]]["lastUsedOn"]
    assert all("token" not in item for item in listed.values())


def test_each_kind_of_token_opens_its_own_routes_only(world: World) -> None:
    personal = world.site.token("ana@example.com")["token"]
    key = automation_token(world, "full")["token"]
    refused = world.server.collection(world.collection, key)
    assert (refused.status, refused.json()["reason"]) == (401, "TOKEN_INVALID")
    assert send(world.server, "GET", "/v1/infra/users", personal).status == 401
    assert send(world.server, "GET", "/scim/v2/Users", personal).status == 401
    bound = automation_token(world, "read", "--network", "203.0.113.0/24")["token"]
    assert send(world.server, "GET", "/v1/infra/users", bound).json()["message"] == "infra_token/invalid_token"
    wrong = world.site.command(
        *("admin", "automation-token", "issue", "--administrator", "ben@example.com", "--label", "x y z"),
        *("--expires", "7", "--access", "full", "--json"),
    )
    assert (wrong.returncode, json.loads(wrong.stderr)["error"]) == (1, "administrator_needed")


def test_the_examples_of_the_documentation_run(world: World) -> None:
    """The shell blocks of docs/automation.md that speak HTTP, one after another in one shell."""
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / "automation.md").read_text("utf-8"), re.DOTALL)
    script = "\n".join(block for block in blocks if "curl" in block)
    assert (script.count("$HOPKEY/v1/infra"), script.count("$HOPKEY/scim/v2")) == (6, 6)
    environ = {**os.environ, "HOPKEY": world.server.url, "TOKEN": automation_token(world, "full")["token"]}
    done = subprocess.run(["sh", "-euc", script], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.replace('": ', '":')
    assert all(part in said for part in ('"invitationLink":', '"isDeactivated":true', '"active":false'))


def test_a_server_without_an_identity_provider_does_not_carry_scim(world: World) -> None:
    """pydantic and the models come with the first request that may enter, not with a guess."""
    fresh = world.site.serve()
    key = automation_token(world, "scim")["token"]
    assert send(fresh, "GET", "/scim/v2/Users", "guess").status == 401
    before = memory(fresh)
    assert send(fresh, "GET", "/scim/v2/Users", key).status == 200
    loaded = memory(fresh)
    assert loaded - before > 5, "it was loaded only now"
    assert loaded < 200


def memory(server: Running) -> float:
    """Resident megabytes of the serving process."""
    children = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    sizes = []
    for pid in (str(server.process.pid), *children):
        if "maintenance" not in Path(f"/proc/{pid}/cmdline").read_text():
            sizes.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6)
    return max(sizes)
