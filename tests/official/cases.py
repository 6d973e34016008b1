"""Statements that both runners are put to, and the official runner's answers, recorded.

    python -m tests.official.cases    records anew what the official command line says (needs HOPKEY_OFFICIAL_CLI)

Each statement stands in a ``pm.test`` of its own whose name is its number; what it throws is told as an expectation.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hopkey.formats.collections import collections_read
from hopkey.formats.environments import environment_read
from hopkey.runner.run import Options, run
from tests.support import samples

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded.json"
GROUPS = ("expectations", "variables", "answers")
BODY = b'{"id":7,"name":"ana","tags":["a","b"]}'
ENVIRONMENT = {
    "v": 2,
    "id": "e1",
    "name": "MyEnv",
    "variables": [
        {"key": "E", "initialValue": "einit", "currentValue": "ecur", "secret": False},
        {"key": "T", "initialValue": "", "currentValue": "t-<<E>>", "secret": False},
        {"key": "SEC", "initialValue": "seci", "currentValue": "", "secret": True},
    ],
}

Outcomes = Mapping[str, list[str]]
"""For each statement its outcomes: ``ok`` or ``no``, a space, and the message."""

DIFFERENCES = {
    # Maps and sets are compared and shown by their content.
    "pm.expect(new Map([[1,2]])).to.have.lengthOf(1)": ["ok Expected {} to have lengthOf 1"],
    "pm.expect(new Set([1,2])).to.have.lengthOf(1)": ["no Expected {} to have lengthOf 1"],
    "pm.expect(new Map([[1,2]])).to.eql(new Map([[1,3]]))": ["no Expected {} to eql {}"],
    "pm.expect(new Set([1])).to.eql(new Set([2]))": ["no Expected {} to eql {}"],
    # There, every environment has the name "active".
    'pm.expect(pm.environment.name).to.equal("")': ["no Expected 'MyEnv' to equal ''"],
    # pm.variables looks into request and collection variables too.
    'pm.expect([pm.variables.get("E"),pm.variables.get("RV"),pm.variables.get("CV"),pm.variables.get("none")]).to.eql("")': [
        "no Expected ['einit', 'rv-<<E>>', 'cc', null] to eql ''"
    ],
    'pm.expect([pm.variables.has("E"),pm.variables.has("RV"),pm.variables.has("CV"),pm.variables.has("none")]).to.eql("")': [
        "no Expected [true, true, true, false] to eql ''"
    ],
    # There, clear() stumbles over a variable whose name is no text.
    'pm.environment.clear(); pm.expect(JSON.stringify([pm.environment.toObject(),pm.globals.toObject()])).to.equal("")': [
        """no Expected '[{},{"G":"again","gg":"1"}]' to equal ''"""
    ],
    # There, the schema of an answer is not applied to the items of arrays.
    'pm.response.to.have.jsonSchema({properties:{tags:{type:"array",items:{type:"number"}}}})': [
        "no Property 'tags': Item [0]: Expected type number, got string"
    ],
}
"""Where ours says something else on purpose, besides doing what the official runner throws at (docs/scripts.md)."""


def statements(group: str) -> list[str]:
    lines = (FOLDER / "cases" / f"{group}.js").read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("//")]


def collection(group: str, url: str) -> dict[str, Any]:
    """A collection of one request whose test script puts every statement of the group."""
    script = "\n".join(
        f'pm.test("{number}", {"async " if "await " in statement else ""}() => {{ try {{ {statement} }} '
        f'catch (e) {{ pm.expect("THROW " + e.name + ": " + e.message).to.equal(""); }} }});'
        for number, statement in enumerate(statements(group))
    )
    variables = [{"key": "RV", "value": "rv-<<E>>", "active": True}]
    request = samples.request("R", endpoint=url, testScript=script, requestVariables=variables)
    own = [{"key": "CV", "initialValue": "ci", "currentValue": "cc", "secret": False}]
    return samples.collection("C", request, variables=own)


def official(group: str, url: str, command: list[str]) -> dict[str, list[str]]:
    """What the official command line says."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "c.json").write_text(json.dumps(collection(group, url)))
        (place / "e.json").write_text(json.dumps(ENVIRONMENT))
        arguments = [
            "test",
            str(place / "c.json"),
            "-e",
            str(place / "e.json"),
            "--reporter-junit",
            str(place / "r.xml"),
        ]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert (place / "r.xml").is_file(), done.stdout[-2000:] + done.stderr[-2000:]
        cases = ElementTree.parse(place / "r.xml").getroot().iter("testcase")  # noqa: S314 - of our own making
        pairs = [
            (case.get("name") or "", case.find("failure") is None and case.find("error") is None) for case in cases
        ]
    found: dict[str, list[str]] = {statement: [] for statement in statements(group)}
    names = list(found)
    for name, ok in pairs:
        number, _, message = name.partition(" - ")
        found[names[int(number)]].append(f"{'ok' if ok else 'no'} {message}")
    return found


def ours(group: str, url: str) -> dict[str, list[str]]:
    """What this runner says."""
    result = run(collections_read(collection(group, url)), environment_read(ENVIRONMENT), Options())
    (request,) = result.requests
    assert not request.faults, request.faults
    named = {test.name: test.checks for test in request.tests}
    return {
        statement: [
            f"{'ok' if check.ok else 'no'} {' '.join(check.message.splitlines())}"
            for check in named.get(str(number), ())
        ]
        for number, statement in enumerate(statements(group))
    }


def recorded(group: str) -> dict[str, list[str]]:
    return dict(json.loads(RECORDED.read_text("utf-8"))[group])


@contextmanager
def answering() -> Iterator[str]:
    """A server that always gives the same answer; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(201, "Created")
            for key, value in (
                ("Content-Type", "application/json; charset=utf-8"),
                ("Content-Length", str(len(BODY))),
                ("Set-Cookie", "sid=abc; Path=/; HttpOnly"),
                ("X-One", "1"),
            ):
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/answer"
    finally:
        server.shutdown()
        server.server_close()


def same(theirs: list[str], mine: list[str]) -> bool:
    """Alike; or theirs threw where the words of Postman's scripts are missing there, and ours went on."""
    unknown = ("not a function'", "of undefined'", "of null'")
    threw = any("'THROW TypeError: " in item and any(word in item for word in unknown) for item in theirs)
    return theirs == mine or (threw and not any("'THROW " in item for item in mine))


if __name__ == "__main__":
    from tests.support.needs import official_cli

    os.environ["NO_COLOR"] = "1"
    with answering() as address:
        record = {group: official(group, address, official_cli()) for group in GROUPS}
    RECORDED.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sys.stdout.write(f"recorded {sum(map(len, record.values()))} statements\n")
