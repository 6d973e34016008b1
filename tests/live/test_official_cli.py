"""The official command line against our server, and beside our runner on the same collections."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import World, make_world
from tests.support import samples
from tests.support.needs import official_cli
from tests.support.servers import HOPKEY, site

sys.path.insert(0, str(Path(__file__).parents[2] / "demo"))
from echo import start


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with site(tmp_path_factory.mktemp("site"), "sqlite") as made:
        yield make_world(made)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    server = start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def hopp(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run([*official_cli(), *arguments], capture_output=True, text=True, env=environ, check=False)


def hopkey(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HOPKEY, *arguments], capture_output=True, text=True, check=False)


def test_it_reads_and_runs_a_collection_and_an_environment_from_our_server(world: World, echo: str) -> None:
    script = 'pw.test("arrived", () => { pw.expect(pw.response.body.query.who[0]).toBe("ana"); });'
    request = samples.request("Ask", endpoint="<<base>>/echo?who=<<who>>", testScript=script)
    collection = world.site.collection(world.team, samples.collection("Contract", request))
    environment = world.site.environment(world.team, samples.environment("Here", base=echo, who="ana"))
    token = world.site.token("ana@example.com")["token"]
    for server in (world.server.url, world.server.url + "/", world.server.url + "/v1"):
        done = hopp("test", collection, "-e", environment, "--token", token, "--server", server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "✔ arrived" in done.stdout
        ours = hopkey("test", collection, "-e", environment, "--token", token, "--server", server)
        assert (ours.returncode, "✔ arrived" in ours.stdout) == (0, True), ours.stdout + ours.stderr


@pytest.mark.parametrize("case", ["unknown", "expired", "id"])
def test_both_say_the_same_code_for_a_refusal(world: World, case: str) -> None:
    made = world.site.token("ana@example.com")
    token, identity, code = made["token"], world.collection, "TOKEN_INVALID"
    if case == "unknown":
        world.site.admin("token", "delete", made["id"])
    elif case == "expired":
        world.site.sql(f"UPDATE hopkey_token SET expires_at = '2020-01-01 00:00:00' WHERE id = {made['id']}")
        code = "TOKEN_EXPIRED"
    else:
        identity, code = "cnothing", "INVALID_ID"
    theirs = hopp("test", identity, "--token", token, "--server", world.server.url)
    ours = hopkey("test", identity, "--token", token, "--server", world.server.url)
    assert code in theirs.stdout + theirs.stderr
    assert f"ERROR_CODE: {code}" in ours.stderr
    assert token not in ours.stdout + ours.stderr


def verdict(output: str) -> tuple[list[tuple[bool, str]], list[str]]:
    """Tests in order with their outcome, and failed messages in order."""
    tests = [(mark == "✔", name.strip()) for mark, name in re.findall(r"^ +(✔|✖) (.+)$", output, re.MULTILINE)]
    messages = re.findall(r"^ +(?:- )?((?:Expected|Argument) .+)$", output, re.MULTILINE)
    return tests, messages


def pair(tmp_path: Path, collection: Any, environment: Any = None) -> tuple[Any, Any, int, int]:
    file = tmp_path / "collection.json"
    file.write_text(json.dumps(collection), "utf-8")
    arguments = ["test", str(file)]
    if environment is not None:
        other = tmp_path / "environment.json"
        other.write_text(json.dumps(environment), "utf-8")
        arguments += ["-e", str(other)]
    theirs, ours = hopp(*arguments), hopkey(*arguments)
    return verdict(theirs.stdout), verdict(ours.stdout), theirs.returncode, ours.returncode


EXPECTATIONS = """
pw.test("equal", () => { pw.expect(1).toBe(2); pw.expect("a").toBe("a"); pw.expect(null).toBe(undefined); pw.expect("x").not.toBe("x"); });
pw.test("levels", () => { pw.expect(200).toBeLevel2xx(); pw.expect(404).toBeLevel2xx(); pw.expect("x").toBeLevel3xx(); pw.expect("204").toBeLevel2xx(); pw.expect(404).not.toBeLevel4xx(); });
pw.test("types", () => { pw.expect(1).toBeType("string"); pw.expect(1).toBeType("blah"); pw.expect([]).toBeType("object"); pw.expect(null).not.toBeType("object"); });
pw.test("lengths", () => { pw.expect("abc").toHaveLength(3); pw.expect([1, 2]).toHaveLength(3); pw.expect(5).toHaveLength(3); pw.expect("abc").toHaveLength("x"); });
pw.test("contents", () => { pw.expect("abc").toInclude("b"); pw.expect([1, 2]).toInclude(3); pw.expect(5).toInclude(3); pw.expect("abc").toInclude(null); pw.expect("abc").not.toInclude("a"); });
pw.test("values", () => { pw.expect(NaN).toBe(NaN); pw.expect([1, "a", { b: [2] }]).toBe(1); pw.expect(() => 1).toBe(2); pw.expect(new Date(0)).toBe(1); pw.expect(/a/).toBe(1); });
pw.test("nothing in it", () => {});
pw.expect(1).toBe(2);
pw.test("outer", () => { pw.test("inner", () => { pw.expect(1).toBe(1); }); pw.expect(3).toBe(3); });
pw.test("later", async () => { await new Promise((done) => setTimeout(done, 10)); pw.expect("late").toBe("later"); });
const { x } = await Promise.resolve({ x: 1 });
pw.test("awaited", () => { pw.expect(x).toBe(2); });
"""


def test_expectations_give_the_same_verdicts_and_messages(tmp_path: Path, echo: str) -> None:
    request = samples.request("R", endpoint=f"{echo}/echo", testScript=EXPECTATIONS)
    theirs, ours, code, our_code = pair(tmp_path, samples.collection("C", request))
    assert ours == theirs
    assert len(ours[1]) > 15
    assert (code, our_code) == (1, 1)


def test_order_inheritance_and_variables_are_the_same(tmp_path: Path, echo: str) -> None:
    show = (
        'pw.test(`${pw.response.body.headers["X-Outer"]} ${pw.response.body.headers["X-Inner"]} '
        '${pw.response.body.headers["Authorization"]} ${pw.response.body.query.v} ${pw.env.get("seen")}`, '
        "() => { pw.expect(1).toBe(1); });"
    )
    count = 'pw.env.set("seen", `${pw.env.get("seen") ?? ""}{}`);'
    endpoint = f"{echo}/echo?v=<<v>>"
    inner = samples.collection(
        "Inner",
        samples.request("deep", endpoint=endpoint, testScript=show, preRequestScript=count.replace("{}", "d")),
        samples.request(
            "own",
            endpoint=endpoint,
            testScript=show,
            requestVariables=[{"key": "v", "value": "request", "active": True}],
            headers=[{"key": "x-outer", "value": "own", "active": True, "description": ""}],
            auth={"authType": "basic", "authActive": True, "username": "u", "password": "<<v>>"},
        ),
        auth={"authType": "inherit", "authActive": True},
        headers=[{"key": "X-Inner", "value": "inner", "active": True, "description": ""}],
        preRequestScript=count.replace("{}", "i"),
    )
    outer = samples.collection(
        "Outer",
        samples.request("top", endpoint=endpoint, testScript=show),
        folders=[inner],
        auth={"authType": "bearer", "authActive": True, "token": "<<secret>>"},
        headers=[{"key": "X-Outer", "value": "<<v>>", "active": True, "description": ""}],
        preRequestScript=count.replace("{}", "o"),
        variables=[{"key": "v", "initialValue": "collection", "currentValue": "collection", "secret": False}],
    )
    environment = samples.environment("E", v="environment", secret="s3")
    theirs, ours, code, our_code = pair(tmp_path, outer, environment)
    assert ours == theirs
    assert len(ours[0]) == 3
    assert (code, our_code) == (0, 0)


def test_a_throw_in_a_test_discards_the_script_in_both(tmp_path: Path, echo: str) -> None:
    script = 'pw.test("good", () => { pw.expect(1).toBe(1); }); pw.test("bad", () => { missing(); });'
    theirs, ours, code, our_code = pair(
        tmp_path, samples.collection("C", samples.request(endpoint=f"{echo}/echo", testScript=script))
    )
    assert theirs == ours == ([], [])
    assert (code, our_code) == (1, 3)
