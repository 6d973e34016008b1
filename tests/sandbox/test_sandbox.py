"""Scripts: what they can do, what they cannot, and what stops them."""

from __future__ import annotations

import json
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


MODULES = {
    "https://modules.test/a.js": b"import b from './b.js'; export default b + 1; export const c = 3;",
    "https://modules.test/b.js": b"export default 1",
}


class Host:
    """What scripts of these tests reach: two modules, an echo, and cookies in a list."""

    def __init__(self, *, imports: bool = True) -> None:
        self.imports = imports
        self.jar: dict[str, dict[str, Any]] = {}

    def predefined(self, name: str) -> str | None:
        return "made" if name == "$guid" else None

    def fetch(self, request: FetchRequest, seconds: float) -> FetchResponse:
        if request.url.endswith("/slow"):
            time.sleep(0.2)
        if request.url.endswith("/down"):
            raise OSError("connection refused")
        if request.url.endswith("/page"):
            return FetchResponse(200, "OK", [("content-type", "text/html")], b"<p>", request.url)
        body = json.dumps([request.method, dict(request.headers), (request.body or b"").decode()]).encode()
        headers = [("content-type", "application/json"), ("set-cookie", "a=1; Path=/, b=2; Secure")]
        return FetchResponse(201, "Created", headers, body, request.url)

    def module(self, url: str, seconds: float) -> FetchResponse:
        if not self.imports:
            raise OSError("imports are switched off")
        if url not in MODULES:
            raise OSError("no such host")
        return FetchResponse(200, "OK", [], MODULES[url], url)

    def cookies(self, operation: str, place: str, argument: Any) -> Any:
        if operation == "all":
            return list(self.jar.values())
        if operation == "set":
            self.jar[argument["name"]] = argument
        elif operation == "delete":
            self.jar.pop(argument, None)
        else:
            self.jar.clear()
        return None


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    limits = Limits(seconds=2, memory_bytes=32 << 20, output_characters=10_000, results=100, pending=20)
    with Sandbox(limits=limits, host=Host(), cache_dir=tmp_path_factory.mktemp("cache")) as made:
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
    with Sandbox(host=Host(imports=False)) as closed:
        assert "switched off" in refuse(closed, 'import "https://modules.test/a.js"').message


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("missing()", "runtime", "Script execution failed: ReferenceError: 'missing' is not defined"),
        ("throw new TypeError('bad')", "runtime", "Script execution failed: TypeError: bad"),
        ("throw 'text'", "runtime", "Script execution failed: text"),
        ("pw.env.set('a', 5)", "runtime", "Script execution failed: Error: Expected value to be a string"),
        ("pw.env.get(5)", "runtime", "Script execution failed: Error: Expected key to be a string"),
        ("pw.test('x', async () => { throw new Error('late') })", "runtime", "Script execution failed: Error: late"),
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


def test_the_compiled_engine_is_trusted_only_in_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import threading

    from hopkey.runner.sandbox import compiled

    # As on another machine than the one that built the package.
    monkeypatch.setattr(compiled, "engine_key", lambda: "elsewhere")

    def written() -> None:
        for thread in threading.enumerate():
            if thread.name == "engine cache":
                thread.join()

    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    private = tmp_path / "private"
    for folder in (open_to_all, private):
        with Sandbox(host=Host(), cache_dir=folder) as made:
            assert logged(run(made, "console.log(1)")) == ["1"]
        written()
    assert list(open_to_all.iterdir()) == []
    (file,) = private.iterdir()
    assert (private.stat().st_mode & 0o777, file.stat().st_mode & 0o077) == (0o700, 0)
    file.write_bytes(b"not machine code")
    os.chmod(file, 0o600)
    with Sandbox(host=Host(), cache_dir=private) as made:
        assert logged(run(made, "console.log(2)")) == ["2"]


def test_nothing_of_a_script_is_left_for_the_next(sandbox: Sandbox) -> None:
    run(sandbox, "globalThis.left = 1; Array.prototype.left = 2; pm.left = 3; pw.test = 4; Math.random = () => 5")
    seen = "console.log(typeof left, typeof [].left, typeof pm.left, typeof pw.test, Math.random() === 5)"
    assert logged(run(sandbox, seen)) == ["undefined undefined undefined function false"]


def test_memory_stays_where_it_was_however_many_scripts_run(sandbox: Sandbox) -> None:
    import resource

    hungry = "const held = []; for (let i = 0; i < 100; i++) held.push(new Uint8Array(100000).fill(1))"
    for _ in range(5):
        run(sandbox, hungry)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(60):
        run(sandbox, hungry)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kB; one instance holds 12 MB


def test_what_a_timer_throws_is_told_and_ends_nothing(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "setTimeout(() => { throw new Error('late') }, 1); pw.test('a', () => pw.expect(1).toBe(1))")
    assert logged(outcome) == ["Uncaught Error: late"]
    assert outcome.tests[0].expectations[0].ok


def test_requests_of_scripts_run_side_by_side_and_count_to_the_test_that_made_them(sandbox: Sandbox) -> None:
    source = """
    const answers = await Promise.all([1, 2, 3, 4].map(() => hopp.fetch("http://echo.test/slow", { method: "PUT", body: "x" })));
    console.log(answers.map((answer) => answer.status).join());
    pm.test("A", () => { pm.sendRequest("http://echo.test/", (error, answer) => { pm.expect(answer.code).to.equal(201); }); });
    pm.test("B", () => { pm.expect(1).to.equal(1); });
    pm.sendRequest("http://echo.test/down", (error, answer) => console.log(error.name, error.message, answer));
    """
    start = time.monotonic()
    outcome = run(sandbox, source)
    assert time.monotonic() - start < 0.7, "four waits of 0.2 s one after another would take longer"
    assert logged(outcome) == ["201,201,201,201", "FetchError Fetch failed: connection refused null"]
    assert [(test.name, [item.message for item in test.expectations]) for test in outcome.tests] == [
        ("A", ["Expected 201 to equal 201"]),
        ("B", ["Expected 1 to equal 1"]),
    ]


def test_a_request_that_does_not_end_is_ended_by_the_limit(sandbox: Sandbox) -> None:
    class Silent(Host):
        def fetch(self, request: FetchRequest, seconds: float) -> FetchResponse:
            time.sleep(min(seconds, 5))
            raise OSError("the server did not answer in time")

    with Sandbox(limits=Limits(seconds=0.3), host=Silent()) as made:
        assert refuse(made, "await fetch('http://silent.test/')").kind in ("timeout", "runtime")


def test_pre_request_scripts_change_the_request_and_later_ones_see_it(sandbox: Sandbox) -> None:
    request = {
        "name": "R",
        "method": "GET",
        "endpoint": "http://h.test/<<v>>?a=1",
        "params": [],
        "headers": [{"key": "X", "value": "1", "active": True, "description": ""}],
        "auth": {"authType": "none", "authActive": True},
        "body": {"contentType": None, "body": None},
        "requestVariables": [{"key": "v", "value": "1", "active": True}],
    }
    source = """
    hopp.request.setMethod("post"); hopp.request.setHeader("x", "2"); hopp.request.setBody({ contentType: "text/plain", body: "b" });
    hopp.request.variables.set("v", "2"); pm.request.url.query.add({ key: "b", value: "ä <<v>>" });
    hopp.request.headers.push({ key: "lost" });
    """
    changed = run(sandbox, source, phase="pre", response=None, request=request).request
    assert changed is not None
    assert (changed["method"], changed["body"]) == ("post", {"contentType": "text/plain", "body": "b"})
    assert changed["endpoint"] == "http://h.test/<<v>>?a=1&b=%C3%A4%20<<v>>"
    assert [(item["key"], item["value"]) for item in changed["headers"]] == [("X", "2")]
    assert changed["requestVariables"] == [{"key": "v", "value": "2", "active": True}]
    assert run(sandbox, "console.log(hopp.request.url)", phase="pre", response=None, request=request).request is None


@pytest.mark.parametrize(
    ("source", "endpoint", "params"),
    [
        ('pm.request.url = "http://h.test/new"', "http://h.test/new", []),
        ('pm.request.url = "http://h.test/new?x=<<v>>"', "http://h.test/new?x=<<v>>", []),
        ('pm.request.url.update("http://h.test/new?x=<<v>>")', "http://h.test/new?x=<<v>>", ["p", "q"]),
        ('pm.request.url.path = "/new"', "http://h.test/new?a=1", ["p", "q"]),
        ('pm.request.url.removeQueryParams(["p", "a"])', "http://h.test/old", ["q"]),
    ],
)
def test_an_address_that_is_assigned_brings_all_of_its_query(
    sandbox: Sandbox, source: str, endpoint: str, params: list[str]
) -> None:
    rows = [{"key": key, "value": "1", "active": True, "description": ""} for key in ("p", "q")]
    request = {"name": "R", "method": "GET", "endpoint": "http://h.test/old?a=1", "params": rows, "headers": []}
    changed = run(sandbox, source, phase="pre", response=None, request=request).request
    assert changed is not None
    assert (changed["endpoint"], [item["key"] for item in changed["params"]]) == (endpoint, params)


def test_the_order_of_a_run_cookies_and_iterations_are_in_the_scripts_hands(sandbox: Sandbox) -> None:
    from hopkey.runner.sandbox import Iteration

    outcome = run(
        sandbox,
        """
        console.log(pm.info.iteration, pm.info.iterationCount, pm.iterationData.get("user"), pm.execution.location.current);
        pm.collectionVariables.set("token", 5); pm.iterationData.set("user", "eve"); pm.execution.setNextRequest("Other");
        pm.cookies.set("sid", "1"); console.log(pm.cookies.get("sid"), hopp.cookies.has("h.test", "nope"));
        """,
        iteration=Iteration(2, 7, {"user": "ana"}),
        collection=[{"key": "base", "initialValue": "x", "currentValue": "x", "secret": False}],
    )
    assert logged(outcome) == ["2 7 ana Hoppscotch", "1 false"]
    assert (outcome.next_request, outcome.data) == ("Other", {"user": "eve"})
    assert [(item["key"], item["currentValue"]) for item in outcome.collection] == [("base", "x"), ("token", "5")]
    skipped = run(sandbox, "pm.execution.skipRequest(); console.log('never')", phase="pre", response=None)
    assert (skipped.skip, skipped.console) == (True, ())


def test_the_legacy_sandbox_offers_pw_and_nothing_new() -> None:
    names = ["pm", "hopp", "fetch", "setTimeout", "crypto", "URL", "Blob", "TextEncoder", "Headers", "AbortController"]
    with Sandbox(host=Host(), legacy=True) as old:
        seen = run(
            old, f"console.log([{', '.join(f'typeof {name}' for name in names)}, typeof pw, typeof atob].join())"
        )
        assert logged(seen) == [",".join(["undefined"] * len(names) + ["object", "function"])]
        assert refuse(old, "foo").message == "Script execution failed: ReferenceError: foo is not defined"
        assert refuse(old, "null.x").message.endswith("Cannot read properties of null (reading 'x')")
        assert refuse(old, "await 1").kind == "syntax"
        assert logged(run(old, "return console.log('ends')")) == ["ends"]


def test_web_cryptography_against_published_vectors(sandbox: Sandbox) -> None:
    source = """
    const hex = (data) => Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const text = new TextEncoder();
    const bytes = (digits) => Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
    console.log(hex(await crypto.subtle.digest("SHA-256", text.encode("abc"))));
    const mac = await crypto.subtle.importKey("raw", text.encode("Jefe"), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    console.log(hex(await crypto.subtle.sign("HMAC", mac, text.encode("what do ya want for nothing?"))));
    const gcm = await crypto.subtle.importKey("raw", bytes("feffe9928665731c6d6a8f9467308308"), "AES-GCM", false, ["encrypt", "decrypt"]);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: bytes("cafebabefacedbaddecaf888") }, gcm, bytes("d9313225f88406e5a55909c5aff5269a"));
    console.log(hex(sealed).slice(0, 32));
    console.log(hex(await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes("cafebabefacedbaddecaf888") }, gcm, sealed)));
    const password = await crypto.subtle.importKey("raw", text.encode("password"), "PBKDF2", false, ["deriveBits", "deriveKey"]);
    console.log(hex(await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: text.encode("salt"), iterations: 2 }, password, 256)));
    for (const algorithm of [{ name: "ECDSA", namedCurve: "P-256" }, { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, { name: "Ed25519" }]) {
      const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const use = { name: algorithm.name, hash: "SHA-256", saltLength: 32 };
      const signature = await crypto.subtle.sign(use, pair.privateKey, text.encode("m"));
      const again = await crypto.subtle.importKey("spki", await crypto.subtle.exportKey("spki", pair.publicKey), algorithm.hash ? { name: algorithm.name, hash: "SHA-256" } : algorithm, true, ["verify"]);
      console.log(algorithm.name, await crypto.subtle.verify(use, again, signature, text.encode("m")), await crypto.subtle.verify(use, again, signature, text.encode("n")));
    }
    const aes = await crypto.subtle.generateKey({ name: "AES-CBC", length: 256 }, true, ["encrypt", "decrypt"]);
    const wrap = await crypto.subtle.generateKey({ name: "AES-KW", length: 128 }, false, ["wrapKey", "unwrapKey"]);
    const wrapped = await crypto.subtle.wrapKey("raw", aes, wrap, "AES-KW");
    const back = await crypto.subtle.unwrapKey("raw", wrapped, wrap, "AES-KW", "AES-CBC", true, ["encrypt"]);
    console.log(hex(await crypto.subtle.exportKey("raw", back)) === hex(await crypto.subtle.exportKey("raw", aes)), JSON.stringify(Object.keys(await crypto.subtle.exportKey("jwk", back)).sort()));
    for (const bad of [() => crypto.subtle.digest("MD5", new Uint8Array()), () => crypto.subtle.exportKey("raw", wrap), () => crypto.subtle.sign("HMAC", gcm, new Uint8Array())]) {
      try { await bad(); console.log("not refused"); } catch (error) { console.log(error.name); }
    }
    """
    assert logged(run(sandbox, source)) == [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180-2
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",  # RFC 4231, case 2
        "42831ec2217774244b7221b784d0d49c",  # McGrew and Viega, case 4, first block
        "d9313225f88406e5a55909c5aff5269a",
        "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43",  # RFC 7914 style, 2 rounds
        "ECDSA true false",
        "RSA-PSS true false",
        "Ed25519 true false",
        'true ["alg","ext","k","key_ops","kty"]'.replace('"alg",', ""),
        "CryptoError",
        "InvalidAccessError",
        "InvalidAccessError",
    ]


def test_scripts_of_a_chain_share_their_globals_and_the_one_that_throws_is_named() -> None:
    chain = (("Inner", "export {};\nglobalThis.b = globalThis.a + 1;"), ("Own", "console.log(globalThis.b); nope()"))
    with Sandbox(host=Host()) as sandbox, pytest.raises(ScriptError) as caught:
        sandbox.run(Script("pre", "globalThis.a = 1; const own = 1;", "Outer", chain))
    assert (caught.value.script, caught.value.console) == ("Own", (("log", "2"),))
    assert caught.value.message == "Script execution failed: ReferenceError: 'nope' is not defined"


@pytest.mark.parametrize("place", [0, 1])
def test_a_script_of_a_chain_that_does_not_end_is_named(place: int) -> None:
    sources = ["1", "1"]
    sources[place] = "while (true) {}"
    with Sandbox(host=Host(), limits=Limits(seconds=0.3)) as sandbox, pytest.raises(ScriptError) as caught:
        sandbox.run(Script("pre", sources[0], "First", (("Second", sources[1]),)))
    assert (caught.value.kind, caught.value.script) == ("timeout", ("First", "Second")[place])


def test_modules_are_imported_from_data_addresses_and_one_name_has_one_source() -> None:
    source = """
    import seven, { tag as mark } from "data:text/javascript,export default 7; export const tag = 'mixed'";
    import * as all from 'data:text/javascript;base64,ZXhwb3J0IGNvbnN0IGEgPSAxOw==';
    console.log(seven, mark, all.a);
    """
    with Sandbox(host=Host()) as sandbox:
        assert sandbox.run(Script("pre", source, "S")).console == (("log", "7 mixed 1"),)
        with pytest.raises(ScriptError, match="no JavaScript"):
            sandbox.run(Script("pre", 'import x from "data:text/plain,1"', "S"))
        twice = [
            'import d from "data:text/javascript,export default 1"',
            'import d from "data:text/javascript,export default 2"',
        ]
        with pytest.raises(ScriptError, match="'d' is imported from different sources"):
            sandbox.run(Script("pre", twice[0], "S", (("T", twice[1]),)))


def test_bytes_may_be_given_and_read_as_lists() -> None:
    source = """
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
    const iv = crypto.getRandomValues(new Array(12).fill(0));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, [1, 2, 3]);
    const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed);
    console.log(iv.length, sealed.byteLength, opened.length, opened[2]);
    """
    with Sandbox(host=Host()) as sandbox:
        assert sandbox.run(Script("pre", source, "S")).console == (("log", "12 19 3 3"),)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("let a = ;", "Unexpected token (1:8)"),
        ("\n\nconst x = 1;\nconst x = 2;", "Identifier 'x' has already been declared (2:6)"),
        ("}", "Unexpected token (1:0)"),
        ('pw.test("x", () => { await 1; })', "Cannot use keyword 'await' outside an async function (1:21)"),
    ],
)
def test_syntax_errors_have_the_words_of_the_official_runner(source: str, words: str) -> None:
    with Sandbox(host=Host()) as sandbox, pytest.raises(ScriptError) as caught:
        sandbox.run(Script("pre", source, "S"))
    assert caught.value.message == (
        f"Script execution failed: SyntaxError: [Hoppscotch] Script failed to parse: {words}"
    )


@pytest.mark.parametrize(
    "source",
    [
        "JSON.stringify = () => 'garbage'; JSON.parse = () => { throw 1 }",
        "Array.prototype.toJSON = () => 5",
        "Object.prototype.toJSON = () => 5",
        "Array.prototype.map = Array.prototype.push = null",
        "Promise.prototype.then = null",
        "globalThis.Promise = globalThis.JSON = globalThis.Object = globalThis.Array = 5",
        "for (const name of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[name] } catch {} }",
    ],
)
def test_a_script_that_spoils_the_engine_spoils_its_own_results_alone(source: str) -> None:
    with Sandbox(host=Host()) as sandbox:
        try:
            outcome = sandbox.run(Script("pre", source, "S"))
        except ScriptError as error:
            assert error.script == "S"  # noqa: PT017 - either is fine, another exception is not
        else:
            assert outcome.tests == ()
        assert sandbox.run(Script("pre", "console.log(JSON.stringify([1].map((x) => x + 1)))", "T")).console == (
            ("log", "[2]"),
        )


@pytest.mark.parametrize("body", [b"", b"no json", b'{"a":'])
def test_an_answer_that_is_no_json_is_said_to_be_none_in_the_words_of_the_official_runner(
    sandbox: Sandbox, body: bytes
) -> None:
    response = ScriptResponse(200, "OK", [("content-type", "application/json")], body, 1.0)
    for call in ("pm.response.json()", "hopp.response.body.asJSON()"):
        assert refuse(sandbox, call, response=response).message.endswith("Error: Invalid JSON string")


def test_messages_of_chained_expectations_are_those_of_the_official_runner(sandbox: Sandbox) -> None:
    source = """pm.test("t", () => {
        pm.expect("abc").to.include("a").and.match(/z/);
        pm.expect("abc").to.be.a("string").and.not.match(/a/);
        pm.expect({a: 1}).to.be.an("object").and.have.property("a").that.equals(2);
    });"""
    failed = [item.message for item in run(sandbox, source).tests[0].expectations if not item.ok]
    assert failed == [
        "Expected 'abc' to match /z/",
        "Expected 'abc' to not match /a/",
        "Expected 1 to be an object and have that equals 2",
    ]


def test_a_variable_set_to_undefined_is_undefined(sandbox: Sandbox) -> None:
    source = 'pm.environment.set("n", 5); pm.environment.set("n", undefined); console.log(pm.environment.get("n"))'
    assert logged(run(sandbox, source)) == ["undefined"]


def test_a_form_of_send_request_has_the_plain_content_type(sandbox: Sandbox) -> None:
    source = """pm.sendRequest({url: "http://h/", method: "POST", body: {mode: "urlencoded",
        urlencoded: [{key: "a", value: "b c"}]}}, (error, answer) => console.log(JSON.stringify(answer.json())));"""
    method, headers, body = json.loads(logged(run(sandbox, source))[0])
    assert (method, headers["content-type"], body) == ("POST", "application/x-www-form-urlencoded", "a=b+c")


def test_send_request_gives_no_json_for_an_answer_that_is_none_and_needs_a_request(sandbox: Sandbox) -> None:
    source = """pm.sendRequest("http://echo.test/page", (error, answer) => console.log(error, answer.json(), answer.text()));
        try { pm.sendRequest(); } catch (error) { console.log(error.name, error.message); }"""
    assert logged(run(sandbox, source)) == ["TypeError cannot read property 'url' of undefined", "null null <p>"]
