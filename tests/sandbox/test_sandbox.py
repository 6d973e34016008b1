"""Scripts: what they can do, what they cannot, and what stops them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopkey.runner.sandbox import (
    FetchRequest,
    FetchResponse,
    Limits,
    Outcome,
    Script,
    ScriptError,
    ScriptResponse,
)
from hopkey.runner.sandbox.sandbox import Sandbox

RESPONSE = ScriptResponse(200, "OK", [("content-type", "application/json")], b'{"a": [1, "x"]}', 5.0)


def fetch(request: FetchRequest) -> FetchResponse:
    body = {"https://modules.test/a.js": b"import b from './b.js'; export default b + 1; export const c = 3;"}
    body["https://modules.test/b.js"] = b"export default 1"
    if request.url not in body:
        raise OSError("no such host")
    return FetchResponse(200, "OK", [], body[request.url], request.url)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    limits = Limits(seconds=2, memory_bytes=32 << 20, output_characters=10_000, results=100, pending=20)
    with Sandbox(
        limits=limits,
        predefined=lambda name: "made" if name == "$guid" else None,
        fetch=fetch,
        cache_dir=tmp_path_factory.mktemp("cache"),
    ) as made:
        yield made


def run(sandbox: Sandbox, source: str, **fields: Any) -> Outcome:
    given: dict[str, Any] = {"phase": "test", "name": "Orders / Read: test script", "response": RESPONSE}
    return sandbox.run(Script(source=source, **{**given, **fields}))


def refuse(sandbox: Sandbox, source: str, **fields: Any) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        run(sandbox, source, **fields)
    assert caught.value.script == "Orders / Read: test script"
    return caught.value


def logged(outcome: Outcome) -> list[str]:
    return [text for _, text in outcome.console]


def test_the_answer_and_the_environment_are_there(sandbox: Sandbox) -> None:
    outcome = run(
        sandbox,
        """
        pw.test("t", () => { pw.expect(pw.response.status).toBe(200); pw.expect(pw.response.body.a).toHaveLength(2); });
        pw.env.set("new", "1"); pw.env.set("old", "changed"); pw.env.set("shared", "too"); pw.env.unset("gone");
        console.log(pw.env.get("nothing"), pw.env.getResolve("nested"), pw.env.resolve("<<$guid>> <<unknown>>."));
        """,
        selected=[
            {"key": "old", "initialValue": "a", "currentValue": "b", "secret": False},
            {"key": "gone", "initialValue": "a", "currentValue": "b", "secret": False},
            {"key": "nested", "initialValue": "", "currentValue": "<<old>>!", "secret": False},
        ],
        global_=[{"key": "shared", "initialValue": "", "currentValue": "g", "secret": False}],
    )
    assert [(block.name, [item.ok for item in block.expectations]) for block in outcome.tests] == [("t", [True, True])]
    assert {item["key"]: item["currentValue"] for item in outcome.selected} == {
        "old": "changed",
        "nested": "<<old>>!",
        "new": "1",
    }
    assert outcome.global_[0]["currentValue"] == "too"
    assert logged(outcome) == ["undefined changed! made ."]


def test_a_circle_of_variables_is_left_as_it_is(sandbox: Sandbox) -> None:
    circle = [{"key": "a", "initialValue": "", "currentValue": "<<a>>", "secret": False}]
    assert logged(run(sandbox, 'console.log(pw.env.resolve("x <<a>>"))', selected=circle)) == ["x <<a>>"]


def test_a_pre_request_script_has_no_tests(sandbox: Sandbox) -> None:
    assert logged(run(sandbox, "console.log(Object.keys(pw).join())", phase="pre")) == ["env"]
    assert "not a function" in refuse(sandbox, 'pw.test("x", () => {})', phase="pre").message


@pytest.mark.parametrize(
    ("body", "seen"),
    [(b"", ""), (b"plain", "plain"), (b"12", 12), (b"NaN", "NaN"), (b"\xff", "\ufffd"), (b"[" * 10_000, "[" * 10_000)],
)
def test_bodies_are_parsed_where_they_are_json(sandbox: Sandbox, body: bytes, seen: object) -> None:
    response = ScriptResponse(200, "OK", [], body, 1.0)
    script = 'pw.env.set("seen", JSON.stringify(pw.response.body))'
    outcome = run(sandbox, script, response=response)
    import json

    assert json.loads(outcome.selected[0]["currentValue"]) == seen


def test_timers_promises_return_and_top_level_await(sandbox: Sandbox) -> None:
    outcome = run(
        sandbox,
        """
        const order = [];
        setTimeout((v) => order.push(v), 20, "b"); setTimeout(() => order.push("a"), 1);
        const stopped = setTimeout(() => order.push("never"), 5); clearTimeout(stopped);
        let ticks = 0; const every = setInterval(() => { order.push("t"); if (++ticks === 2) clearInterval(every); }, 2);
        await new Promise((done) => setTimeout(done, 40));
        pw.test("late", async () => { await null; pw.expect(order.join("")).toBe("attb"); });
        return;
        """,
    )
    assert outcome.tests[0].expectations[0].ok, outcome.tests


def test_modules_are_imported_through_the_host_only(sandbox: Sandbox) -> None:
    script = 'import a, { c as d } from "https://modules.test/a.js";\nimport * as all from "https://modules.test/b.js";\nconsole.log(a, d, all.default)'
    assert logged(run(sandbox, script)) == ["2 3 1"]
    assert "no such host" in refuse(sandbox, 'await import("https://elsewhere.test/x.js")').message
    assert "only http" in refuse(sandbox, 'await import("file:///etc/passwd")').message
    with Sandbox(predefined=lambda _: None) as closed:
        assert "switched off" in refuse(closed, 'import "https://modules.test/a.js"').message


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("missing()", "runtime", "Script execution failed: ReferenceError: 'missing' is not defined"),
        ("throw new TypeError('bad')", "runtime", "Script execution failed: TypeError: bad"),
        ("throw 'text'", "runtime", "Script execution failed: Error: text"),
        ("pw.env.set('a', 5)", "runtime", "Script execution failed: Error: Expected value to be a string"),
        ("pw.env.get(5)", "runtime", "Script execution failed: Error: Expected key to be a string"),
        ("pw.test('x', async () => { throw new Error('late') })", "runtime", "Script execution failed: Error: late"),
        ("setTimeout(() => { throw new Error('timer') }, 1)", "runtime", "Script execution failed: Error: timer"),
        ("await new Promise(() => {})", "runtime", "never settles"),
        ("let x = ;", "syntax", "failed to parse"),
        ("}); (() => {", "syntax", "failed to parse"),
        ("while (true) {}", "timeout", "not finished after 2 s"),
        ("for (;;) await null", "timeout", "not finished after 2 s"),
        ("setInterval(() => {}, 1)", "timeout", "not finished after 2 s"),
        ('/(a+)+$/.test("a".repeat(50) + "b")', "timeout", "not finished after 2 s"),
        ("setTimeout(() => {}, 1e9)", "timeout", "not finished after 2 s"),
        ("const a = []; for (;;) a.push(new Array(1000).fill(1))", "memory", "more than 32 MB"),
        ("for (;;) console.log('x'.repeat(1000))", "output", "too much console output"),
        ("pw.test('x', () => { for (;;) pw.expect(1).toBe(1); })", "output", "too many expectations"),
        ("for (;;) setTimeout(() => {}, 1)", "output", "too many timers"),
        ("const f = () => f(); f()", "runtime", "stack overflow"),
    ],
)
def test_what_goes_wrong_is_said_with_the_name_of_the_script(
    sandbox: Sandbox, source: str, kind: str, message: str
) -> None:
    error = refuse(sandbox, source)
    assert error.kind == kind
    assert message in error.message


def test_catching_does_not_dodge_the_limits(sandbox: Sandbox) -> None:
    start = time.monotonic()
    assert refuse(sandbox, "for (;;) { try { for (;;) {} } catch {} }").kind == "timeout"
    assert refuse(sandbox, "try { for (;;) {} } finally { for (;;) {} }").kind == "timeout"
    assert time.monotonic() - start < 6


ESCAPES = [
    "typeof process", "typeof require", "typeof module", "typeof Deno", "typeof std", "typeof os", "typeof WebAssembly",
    "typeof __host", "typeof __begin", "typeof __state", "typeof __finish", "typeof scriptArgs", "typeof print",
]  # fmt: skip


@pytest.mark.parametrize("probe", ESCAPES)
def test_nothing_of_the_host_can_be_reached(sandbox: Sandbox, probe: str) -> None:
    function = f'new Function("return {probe}")()'
    outcome = run(sandbox, f"console.log({probe}, {function}, (0, eval)({probe!r}))")
    assert logged(outcome) == ["undefined undefined undefined"]


def test_scripts_share_nothing(sandbox: Sandbox) -> None:
    run(
        sandbox,
        """
        Object.prototype.leak = 1; Array.prototype.push = () => 0; globalThis.kept = 1; JSON.parse = () => "mine";
        pw.env.set = null;
        """,
    )
    outcome = run(
        sandbox, 'console.log(typeof {}.leak, typeof kept, JSON.parse("[1]").length, [].push(1), typeof pw.env.set)'
    )
    assert logged(outcome) == ["undefined undefined 1 1 function"]


def test_randomness_does_not_repeat_from_script_to_script(sandbox: Sandbox) -> None:
    seen = {logged(run(sandbox, "console.log(Math.random(), Math.random())"))[0] for _ in range(10)}
    assert len(seen) == 10


def test_base64_and_text_encoding(sandbox: Sandbox) -> None:
    outcome = run(
        sandbox,
        'console.log(btoa("hé"), atob("aOk="), new TextDecoder().decode(new TextEncoder().encode("añ😀")), [1, { a: "b" }])',
    )
    assert logged(outcome) == ['aOk= hé añ😀 [ 1, { a: "b" } ]']


def test_the_compiled_engine_is_trusted_only_in_a_private_folder(tmp_path: Path) -> None:
    import os

    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    private = tmp_path / "private"
    for folder in (open_to_all, private):
        with Sandbox(predefined=lambda _: None, cache_dir=folder) as made:
            assert logged(run(made, "console.log(1)")) == ["1"]
    assert list(open_to_all.iterdir()) == []
    (file,) = private.iterdir()
    assert (private.stat().st_mode & 0o777, file.stat().st_mode & 0o077) == (0o700, 0)
    file.write_bytes(b"not machine code")
    os.chmod(file, 0o600)
    with Sandbox(predefined=lambda _: None, cache_dir=private) as made:
        assert logged(run(made, "console.log(2)")) == ["2"]
