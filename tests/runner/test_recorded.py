"""Scripts mean what they mean to the official runner: its recorded answers, and its whole surface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopkey.formats.collections import collections_read
from hopkey.formats.predefined import predefined
from hopkey.runner.run import Options, run
from hopkey.runner.sandbox import FetchRequest, FetchResponse, Script, ScriptResponse
from hopkey.runner.sandbox.sandbox import Sandbox
from tests.official import cases
from tests.support import samples

SURFACE = json.loads((Path(__file__).parents[1] / "official" / "surface.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cases.answering() as url:
        yield url


@pytest.mark.parametrize("group", cases.GROUPS)
def test_every_recorded_answer_of_the_official_runner_is_ours(group: str, address: str) -> None:
    theirs, mine = cases.recorded(group), cases.ours(group, address)
    assert list(theirs) == cases.statements(group), "record anew: python -m tests.official.cases"
    different = {
        statement: (theirs[statement], mine[statement])
        for statement in theirs
        if not cases.same(theirs[statement], mine[statement]) and cases.DIFFERENCES.get(statement) != mine[statement]
    }
    assert different == {}
    print(f"{group}: {len(theirs)} statements answered as by the official runner")


class Host:
    def predefined(self, name: str) -> str | None:
        return predefined(name)

    def fetch(self, request: FetchRequest, seconds: float) -> FetchResponse:
        raise OSError("not here")

    def module(self, url: str, seconds: float) -> FetchResponse:
        raise OSError("not here")

    def cookies(self, operation: str, place: str, argument: Any) -> Any:
        return []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host=Host()) as made:
        yield made


def kinds(sandbox: Sandbox, phase: Any, names: list[str]) -> dict[str, str]:
    """What each of the names is: function, value or missing."""
    source = f"""
    const kind = (path) => {{
      let value = globalThis;
      for (const part of path.split(".")) {{
        if (value === null || value === undefined || !(part in Object(value))) return "missing";
        value = value[part];
      }}
      return typeof value === "function" ? "function" : "value";
    }};
    console.log(JSON.stringify(Object.fromEntries({json.dumps(names)}.map((name) => [name, kind(name)]))));
    """
    response = ScriptResponse(200, "OK", [], b"{}", 1.0) if phase == "test" else None
    made = sandbox.run(Script(phase, source, "surface", response=response))
    return dict(json.loads(made.console[0][1]))


def test_the_whole_official_surface_is_there(sandbox: Sandbox) -> None:
    missing = []
    for title, phase in (("pre-request", "pre"), ("test", "test")):
        for namespace, members in SURFACE[title].items():
            found = kinds(sandbox, phase, list(members))
            wrong = [name for name, kind in members.items() if found[name] != kind]
            functions = sum(kind == "function" for kind in members.values())
            print(
                f"{title:<11} {namespace:<5} {len(members) - len(wrong)} of {len(members)} members, {functions} functions"
            )
            missing += [f"{title} {name}: {found[name]}" for name in wrong]
    for namespace in ("globals", "console", "crypto.subtle"):
        prefix = "" if namespace == "globals" else f"{namespace}."
        names = [prefix + name for name in SURFACE[namespace]]
        found = kinds(sandbox, "test", names)
        wrong = [name for name in names if found[name] == "missing"]
        print(f"{'both':<11} {namespace:<14} {len(names) - len(wrong)} of {len(names)}")
        missing += wrong
    assert missing == []


def test_every_word_of_expect_is_there_and_behaves(sandbox: Sandbox) -> None:
    """Each getter gives a chain or an outcome, each method an outcome: none is undefined."""
    getters, methods = SURFACE["expect"]["getters"], SURFACE["expect"]["methods"]
    source = f"""
    pm.test("words", () => {{
      const lost = {json.dumps(getters)}.filter((word) => pm.expect([1]).to[word] === undefined);
      const none = {json.dumps(methods)}.filter((word) => typeof pm.expect([1]).to[word] !== "function");
      console.log(JSON.stringify([...lost, ...none]));
    }});
    """
    response = ScriptResponse(200, "OK", [], b"{}", 1.0)
    made = sandbox.run(Script("test", source, "words", response=response))
    assert made.console[0][1] == "[]"
    said = "\n".join(cases.statements("expectations"))
    unused = [word for word in (*getters, *methods) if f".{word}" not in said + "\n".join(cases.statements("answers"))]
    print(
        f"expect: {len(getters)} getters and {len(methods)} methods, {len(getters) + len(methods) - len(unused)} in recorded statements"
    )
    assert unused == []


@pytest.mark.parametrize("phase", ["preRequestScript", "testScript"])
def test_what_only_postman_has_says_so(phase: str, address: str) -> None:
    script = """
    for (const call of [() => pm.vault.get("x"), () => pm.visualizer.set("x"), () => pm.execution.runRequest("x"), () => pm.require("x")]) {
      try { call(); console.log("no error"); } catch (error) { console.log(error.message); }
    }
    """
    (result,) = run(
        collections_read(samples.collection("C", samples.request("R", endpoint=address, **{phase: script}))),
        None,
        Options(),
    ).requests
    assert [text.split(" (")[0].split(" is")[1] for _, text in result.console] == [" not supported in Hoppscotch"] * 4
