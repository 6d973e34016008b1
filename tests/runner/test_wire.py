"""Requests as they go out: bodies, headers, addresses and variables, as the official runner has them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hopkey.formats.collections import collections_read
from hopkey.formats.environments import environment_read
from hopkey.formats.jsonc import NotJson, compact, strip_comments
from hopkey.formats.requests import request_dump, request_read
from hopkey.reporters import console, html, json_report, junit
from hopkey.runner.addresses import normal
from hopkey.runner.bodies import encode
from hopkey.runner.graphql import first_operation
from hopkey.runner.options import Options
from hopkey.runner.results import RunResult
from hopkey.runner.run import run
from tests.runner.server import Server, serving
from tests.support import samples


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


def go(server: Server, request: dict[str, Any], variables: dict[str, str] | None = None, **more: Any) -> RunResult:
    collection = samples.collection("C", {"endpoint": server.url + "/echo", **request}, **more)
    return run(collections_read(collection), environment_read(variables) if variables else None, Options())


def echoed(result: RunResult, index: int = 0) -> dict[str, Any]:
    answer = result.requests[index].answer
    assert answer is not None, result.requests[index].faults
    return dict(json.loads(answer.body))


def plain(text: str, *, strict: bool = False) -> str:
    return text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": 1, // c\n "b": [1,2,],}', '{"a":1,"b":[1,2]}'),
        ('{"z": 1.0, "a": 1e3, "f": 1.50, "n": -0}', '{"z":1,"a":1000,"f":1.5,"n":0}'),
        ('{"big": 12345678901234567890, "long": 0.1000000000000000000001}', None),
        ('{"u": "\u00e9\\u00e9", "s": "http://x//y /* no */"}', '{"u":"\u00e9\u00e9","s":"http://x//y /* no */"}'),
        ('{"a": 1, "a": 2}', '{"a":2}'),
        ("[1, 2 3]", "[1,2,3]"),
        ('{"a": 1} and more', '{"a":1}'),
        ("null", "null"),
        ('"text"', '"text"'),
    ],
)
def test_json_goes_out_in_one_line_and_keeps_its_values(text: str, sent: str | None) -> None:
    assert compact(text) == (sent or strip_comments(text).replace(" ", ""))


@pytest.mark.parametrize("text", ["not json", '{"a":"x"q", "n": 7}', "[1,,2]", "{", "NaN", '{"a": undefined}'])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotJson):
        compact(text)


@pytest.mark.parametrize("text", ["[1," + "// " * 50_000 + "\n2]", "[" * 100_000, '"' + "\\" * 100_000, "," * 100_000])
def test_no_json_takes_long(text: str) -> None:
    start = time.perf_counter()
    strip_comments(text)
    assert time.perf_counter() - start < 1


def test_a_body_that_is_no_json_is_sent_all_the_same_and_is_a_fault(server: Server) -> None:
    script = 'pw.test("sent", () => { pw.expect(pw.response.body.body).toBe("nonsense"); });'
    request = samples.request("R", method="POST", testScript=script)
    request |= {"endpoint": server.url + "/echo", "body": {"contentType": "application/json", "body": "<<x>>sense"}}
    result = go(server, request, {"x": "non"})
    assert [fault.code for fault in result.faults] == ["PARSING_ERROR"]
    assert [check.ok for check in result.checks] == [True]


def test_a_body_that_names_what_is_not_there_is_a_fault(server: Server) -> None:
    request = samples.request("R", method="POST", body={"contentType": "text/plain", "body": "a <<nothing>> b"})
    result = go(server, request | {"endpoint": server.url + "/echo"})
    assert [(fault.code, "<<nothing>>" in fault.message) for fault in result.faults] == [("PARSING_ERROR", True)]
    assert server.seen == []


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a: 1\nb: x y\n# c: 3\nempty:\nnocolon\n: novalue", b"a=1&b=x%20y&empty=&nocolon="),
        ('"url:x": "http://a#b"\nq: "\\"quoted\\" "', b"url%3Ax=http%3A%2F%2Fa%23b&q=%22quoted%22%20"),
        ('half: "open\n"x" y: 1', b"half=%22open&%22x%22%20y=1"),
        ("a=1&b=2", b"a=1&b=2"),
    ],
)
def test_forms_are_read_as_the_app_writes_them(text: str, sent: bytes) -> None:
    assert encode({"contentType": "application/x-www-form-urlencoded", "body": text}, plain, None)[0] == sent


def test_values_of_a_form_cannot_make_rows_of_their_own(server: Server) -> None:
    body = {"contentType": "application/x-www-form-urlencoded", "body": "a: <<x>>"}
    request = samples.request("R", method="POST", body=body) | {"endpoint": server.url + "/echo"}
    assert echoed(go(server, request, {"x": "1\nadmin: yes"}))["body"] == "a=1%0Aadmin%3A%20yes"


def test_files_stand_last_and_typed_texts_have_a_file_name(tmp_path: Any) -> None:
    (tmp_path / "f.txt").write_text("content")
    rows = [
        {"key": "file", "value": ["f.txt"], "isFile": True, "active": True},
        {"key": "json", "value": "{\n}", "isFile": False, "active": True, "contentType": "application/json"},
        {"key": "plain", "value": "one\ntwo\r\nthree\r", "isFile": False, "active": True},
        {"key": "off", "value": "p", "isFile": False, "active": False},
    ]
    body, kind = encode({"contentType": "multipart/form-data", "body": rows}, plain, tmp_path)
    assert body is not None
    assert kind is not None
    text = body.decode().replace(kind.partition("boundary=")[2], "B")
    assert text == (
        '--B\r\nContent-Disposition: form-data; name="json"; filename="json"\r\nContent-Type: application/json\r\n\r\n{\n}\r\n'
        '--B\r\nContent-Disposition: form-data; name="plain"\r\n\r\none\r\ntwo\r\nthree\r\n\r\n'
        '--B\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n'
        "--B--\r\n"
    )


def test_the_first_of_several_variables_with_one_name_counts(server: Server) -> None:
    rows = [{"key": "r", "value": "", "active": True}, {"key": "s", "value": "own", "active": True}]
    request = samples.request("R", requestVariables=rows)
    request["endpoint"] = server.url + "/echo?d=<<d>>&r=<<r>>&s=<<s>>&self=<<self>>"
    environment = {
        "v": 2,
        "id": "e",
        "name": "E",
        "variables": [
            {"key": key, "initialValue": value, "currentValue": value, "secret": False}
            for key, value in (("d", "1"), ("d", "2"), ("r", "environment"), ("s", "x"), ("self", "<<self>>"))
        ],
    }
    result = run(collections_read(samples.collection("C", request)), environment_read(environment), Options())
    assert echoed(result)["query"] == {"d": ["1"], "r": ["environment"], "s": ["own"], "self": ["<<self>>"]}


def test_a_header_that_is_switched_off_keeps_the_inherited_one_away(server: Server) -> None:
    headers = [{"key": key, "value": "outer", "active": True, "description": ""} for key in ("X-Gone", "X-Stays")]
    own = [{"key": "X-Gone", "value": "", "active": False, "description": ""}]
    inherits = {"authType": "inherit", "authActive": False}
    request = samples.request("R", headers=own, auth=inherits) | {"endpoint": server.url + "/echo"}
    auth = {"authType": "bearer", "authActive": True, "token": "outer"}
    seen = echoed(go(server, request, headers=headers, auth=auth))["headers"]
    assert (seen.get("x-gone"), seen["x-stays"], seen["authorization"]) == (None, "outer", "Bearer outer")


def test_a_login_in_the_address_is_authorization_and_no_report_shows_it(server: Server) -> None:
    request = samples.request("R") | {"endpoint": server.url.replace("//", "//ana:p%40ss@") + "/echo"}
    result = go(server, request)
    assert echoed(result)["headers"]["authorization"] == "Basic YW5hOnBAc3M="
    assert result.requests[0].url == server.url + "/echo"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://h.test/a b/\u00e9?q=a b&r=[1]&s='#f", "http://h.test/a%20b/%C3%A9?q=a%20b&r=%5B1%5D&s='"),
        ("http://h.test/a/../b/./c/..", "http://h.test/b/"),
        ("http://h.test/a\\b%2Fc", "http://h.test/a/b%2Fc"),
        ("http://h.test", "http://h.test/"),
        ("http://b\u00fccher.test:8080/", "http://xn--bcher-kva.test:8080/"),
    ],
)
def test_addresses_go_out_encoded(written: str, sent: str) -> None:
    assert normal(written) == sent


def test_a_header_that_is_no_latin_goes_as_utf_8_and_one_that_can_be_none_is_a_fault(server: Server) -> None:
    def with_header(name: str, value: str) -> RunResult:
        headers = [{"key": name, "value": value, "active": True, "description": ""}]
        return go(server, samples.request("R", headers=headers) | {"endpoint": server.url + "/echo"})

    assert echoed(with_header("X-A", "\u65e5"))["headers"]["x-a"] == "\u65e5".encode().decode("latin-1")
    assert "no name of a header" in with_header("Bad Name", "x").faults[0].message
    assert "no name of a header" in with_header("X:\r\nEvil", "x").faults[0].message


GRAPHQL = {
    "v": 10,
    "name": "G",
    "query": 'query Q($s: String) { a(s: "<<x>>") }',
    "variables": '{"s": "v"}',
    "headers": [{"key": "X-G", "value": "<<x>>", "active": True}],
    "auth": {"authType": "inherit", "authActive": True},
    "preRequestScript": 'pw.env.set("x", "pre")',
    "testScript": "pw.test(pw.response.body.method, () => { pw.expect(1).toBe(1); });",
}


def graphql(server: Server, **fields: Any) -> RunResult:
    auth = {"authType": "bearer", "authActive": True, "token": "t"}
    request = {**GRAPHQL, "url": server.url + "/echo", **fields}
    return run(collections_read(samples.collection("C", request, auth=auth)), None, Options())


def test_graphql_requests_are_posted(server: Server) -> None:
    result = graphql(server)
    seen = echoed(result)
    assert json.loads(seen["body"]) == {
        "query": 'query Q($s: String) { a(s: "pre") }',
        "variables": {"s": "v"},
        "operationName": "Q",
    }
    headers = seen["headers"]
    assert (seen["method"], headers["x-g"], headers["authorization"], headers["content-type"]) == (
        "POST",
        "pre",
        "Bearer t",
        "application/json",
    )
    assert [test.name for test in result.requests[0].tests] == ["POST"]


@pytest.mark.parametrize("fields", [{"query": "subscription S { a }"}, {"variables": "{bad"}])
def test_graphql_that_cannot_be_posted_is_a_fault_and_its_tests_do_not_run(
    server: Server, fields: dict[str, str]
) -> None:
    result = graphql(server, **fields)
    assert ([fault.code for fault in result.faults], result.checks, server.seen) == (["REQUEST_ERROR"], (), [])


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ a }", ("query", "")),
        (
            "fragment F on X { query }\n# mutation\nmutation M($a: [Int!]! = [1]) @d(x: {}) { b } query Q { c }",
            ("mutation", "M"),
        ),
        ('query { a(s: "} mutation X {") }', ("query", "")),
        ('query Q { a(s: """ " } """) }', ("query", "Q")),
        ("query {", ("", "")),
        ("type A { query: Int }", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_first_operation_of_a_document(document: str, found: tuple[str, str]) -> None:
    assert first_operation(document) == found


def test_graphql_requests_are_written_as_they_were_read() -> None:
    request = request_read({**GRAPHQL, "url": "http://h.test"})
    assert request_read(request_dump(request)) == request
    assert request_dump(request)["v"] == 10


def test_no_report_shows_what_authorized_a_request(server: Server) -> None:
    kinds: list[dict[str, Any]] = [
        {"authType": "bearer", "token": "zecret-1"},
        {"authType": "basic", "username": "u", "password": "zecret-2"},
        {"authType": "api-key", "key": "X-Custom", "value": "zecret-3", "addTo": "HEADERS"},
        {"authType": "api-key", "key": "k", "value": "zecret 4&", "addTo": "QUERY_PARAMS"},
        {
            "authType": "oauth-2",
            "addTo": "QUERY_PARAMS",
            "grantTypeInfo": {"token": "zecret-5", "grantType": "IMPLICIT"},
        },
    ]
    script = 'pw.test(pw.env.get("s"), () => { pw.expect(pw.env.get("s")).toBe("x"); }); console.log(pw.env.get("s"))'
    requests = [
        samples.request(
            f"R{index}", endpoint=server.url + "/echo", auth={"authActive": True, **kind}, testScript=script
        )
        for index, kind in enumerate(kinds)
    ]
    secret = [{"key": "s", "initialValue": "", "currentValue": "zecret-6", "secret": True}]
    environment = environment_read({"v": 2, "id": "e", "name": "E", "variables": secret})
    result = run(collections_read(samples.collection("C", *requests)), environment, Options())
    out = Out()
    reporter = console.ConsoleReporter(
        out,  # type: ignore[arg-type]
        colours=False,
        detail=console.Detail.VERBOSE,
        secrets=result.secrets,
    )
    for item in result.requests:
        reporter.request(item)
    texts = (out.text, junit.render(result), json_report.render(result, bodies=True), html.render(result, bodies=True))
    assert [text for text in texts if "zecret" in text] == []


class Out:
    text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass
