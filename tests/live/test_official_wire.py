"""What goes over the wire, and what the reports say of it: the official runner and ours, side by side."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import samples
from tests.support.needs import official_cli
from tests.support.servers import HOPKEY

Seen = list[tuple[str, str, dict[str, str], bytes]]
OWN = frozenset(["user-agent", "accept-encoding", "connection", "host", "content-length"])


@contextmanager
def listening() -> Iterator[tuple[str, Seen]]:
    """A server that remembers what it was asked, and says it back with spaces in its JSON."""
    seen: Seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in OWN}
            seen.append((self.command, self.path, headers, body))
            said = json.dumps({"path": self.path, "body": body.decode("utf-8", "replace")}, indent=1).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


def report(path: Path) -> list[Any]:
    """A JUnit report as plain values, times left out."""
    root = ElementTree.parse(path).getroot()  # noqa: S314 - of our own making
    suites = []
    for suite in root:
        errors = suite.find("system-err")
        lines = (errors.text or "").strip().splitlines() if errors is not None else []
        suites.append(
            [
                [suite.get(name) for name in ("name", "tests", "failures", "errors")],
                [line.strip() for line in lines],
                [
                    [case.get("name"), case.get("classname"), [item.tag for item in case]]
                    for case in suite.iter("testcase")
                ],
            ]
        )
    return [suites, [root.get(name) for name in ("tests", "failures", "errors")]]


def both(tmp_path: Path, collection: Any, environment: Any, seen: Seen) -> tuple[list[Any], list[Any]]:
    """Reports and requests of the official runner and of ours."""
    (tmp_path / "c.json").write_text(json.dumps(collection), "utf-8")
    (tmp_path / "e.json").write_text(json.dumps(environment), "utf-8")
    results = []
    for command in (official_cli(), list(HOPKEY)):
        seen.clear()
        place = tmp_path / "report.xml"
        arguments = ["test", str(tmp_path / "c.json"), "-e", str(tmp_path / "e.json"), "--reporter-junit", str(place)]
        subprocess.run([*command, *arguments], capture_output=True, check=False, cwd=tmp_path)
        results.append([report(place), list(seen)])
        place.unlink()
    return results[0], results[1]


def rows(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value, "active": True, "description": ""} for key, value in pairs]


SHOW = "pw.test(`${pw.response.body.path} ${pm.response.text().length}`, () => { pw.expect(1).toBe(1); });"


def test_bodies_addresses_headers_and_variables(tmp_path: Path) -> None:
    with listening() as (url, seen):
        body = {"contentType": "application/json", "body": '{"a": "<<x>>", // why\n "n": [1.0, 2,],}'}
        form = {"contentType": "application/x-www-form-urlencoded", "body": 'a: 1\n"b:c": "x#<<x>>"\n# d: 1\ne: \u00e9'}
        bearer = {"authType": "bearer", "authActive": True, "token": "t-<<x>>"}
        off = [{"key": "X-Gone", "value": "", "active": False, "description": ""}]
        requests = [
            samples.request("json", method="POST", endpoint=f"{url}/json", body=body),
            samples.request("vendor", method="PUT", endpoint=f"{url}/v", body={**body, "contentType": "application/vnd.api+json"}),
            samples.request("form", method="POST", endpoint=f"{url}/form", body=form),
            samples.request("xml", method="POST", endpoint=f"{url}/x", body={"contentType": "text/xml", "body": "<a><<x>></a>"}),
            samples.request(
                "own type", method="POST", endpoint=f"{url}/own", body=body, headers=rows(("content-type", "text/plain"))
            ),
            samples.request(
                "query",
                endpoint=f"{url}/a b/\u00e9?q=<<x>>&r=c d#f",
                params=rows(("a", "x y&z"), ("b[]", "1"), ("c", "a:b,c$d'()"), ("", "no")),
            ),
            samples.request("login", endpoint=url.replace("//", "//u:p@") + "/login"),
            samples.request("off", endpoint=f"{url}/off", headers=off),
            samples.request("basic", endpoint=f"{url}/b", auth={"authType": "basic", "authActive": True, "username": "\u00e9", "password": "<<x>>"}),
            samples.request("inactive", endpoint=f"{url}/i", auth={"authType": "inherit", "authActive": False}),
            samples.request("empty", endpoint=f"{url}/<<e>>/<<d>>/<<nothing>>", requestVariables=rows(("e", ""))),
            {
                "v": 10, "name": "graphql", "url": f"{url}/g", "query": "query Q { a(s: \"<<x>>\") }", "variables": '{"s": 1}',
                "headers": rows(("X-G", "<<x>>")), "auth": {"authType": "inherit", "authActive": True}, "responses": {},
                "description": None, "preRequestScript": "", "testScript": SHOW,
            },
        ]  # fmt: skip
        for request in requests:
            request["testScript"] = SHOW
        collection = samples.collection(
            "C", *requests, auth=bearer, headers=rows(("X-Gone", "1"), ("X-Stays", "<<x>>"))
        )
        environment = {
            "v": 2,
            "id": "e",
            "name": "E",
            "variables": [
                {"key": key, "initialValue": value, "currentValue": value, "secret": False}
                for key, value in (("x", "X\u00fcx"), ("e", "environment"), ("d", "first"), ("d", "second"))
            ],
        }
        theirs, ours = both(tmp_path, collection, environment, seen)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    assert len(ours[1]) == len(requests)


def test_scripts_of_folders_are_one_chain_and_faults_have_the_same_words(tmp_path: Path) -> None:
    passes = 'pw.test("%s", () => { pw.expect(1).toBe(1); });'

    def folder(name: str, pre: str, test: str, **request: str) -> dict[str, Any]:
        inner = samples.request("R", endpoint=url, **request)
        inherits = {"authType": "inherit", "authActive": True}
        return samples.collection(name, inner, preRequestScript=pre, testScript=test, auth=inherits)

    broken = [
        "let a = ;",
        "foo(",
        "}",
        "const x = 1;\nconst x = 2;",
        'pw.test("x", () => { await 1; })',
        "`a ${",
        "010",
        "/a",
    ]
    thrown = [
        'throw "text"',
        "throw null",
        "nope()",
        "null.x",
        'throw new RangeError("r")',
        "await Promise.reject(new Error())",
    ]
    with listening() as (url, seen):
        collection = samples.collection(
            "C",
            *(samples.request(f"broken {i}", endpoint=url, testScript=text) for i, text in enumerate(broken)),
            *(samples.request(f"thrown {i}", endpoint=url, testScript=text) for i, text in enumerate(thrown)),
            samples.request("marked", endpoint=url, testScript="export {};\n" + passes % "marked"),
            folders=[
                folder(
                    "shares",
                    'globalThis.helper = () => "helped"; const own = 1;',
                    "pw.test(globalThis.left, () => { pw.expect(1).toBe(1); });",
                    preRequestScript='pw.env.set("seen", helper() + typeof own);',
                    testScript='globalThis.left = "left " + pw.env.get("seen");' + passes % "own",
                ),
                folder(
                    "fails before",
                    'throw new Error("folder");',
                    "",
                    preRequestScript='pw.env.set("ran", "1");',
                    testScript='pw.test("ran " + pw.env.get("ran"), () => { pw.expect(1).toBe(1); });',
                ),
                folder("fails after", "", 'throw new Error("folder");', testScript=passes % "lost"),
                folder("fails first", "", passes % "lost", testScript='throw new Error("own");'),
                folder(
                    "in order",
                    "",
                    passes % "folder",
                    testScript='pw.test("slow", async () => { await new Promise((r) => setTimeout(r, 10)); pw.expect(1).toBe(1); });',
                ),
            ],
        )
        theirs, ours = both(tmp_path, collection, {"none": ""}, seen)
    assert ours[0] == theirs[0]
