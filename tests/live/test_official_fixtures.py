"""The collections that the official command line is tested with, run by both: the same outcome of every test.

They come with the package on npm. The echo server that they ask stands on this machine instead.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.needs import missing, official_cli
from tests.support.servers import HOPKEY

CASES = {
    "collection-level-auth-headers-coll": "",
    "collection-level-scripts-coll": "",
    "collection-level-scripts-duplicate-import-coll": "",
    "collection-level-scripts-legacy-coll": "",
    "collection-with-variables": "",
    "content-type-header-scenarios": "",
    "gql-coll": "gql-envs",
    "env-flag-tests-coll": "env-flag-envs",
    "fails-coll": "",
    "jsonc-body-coll": "",
    "multipart-form-data-coll": "",
    "multiple-child-collections-auth-headers-coll": "",
    "passes-coll": "",
    "request-vars-coll": "request-vars-envs",
    "scripting-revamp-coll": "",
    "secret-envs-coll": "secret-envs",
    "test-junit-report-export-coll": "",
    "valid-mixed-versions-coll": "",
}
APART = ("throws descriptive error", "URL helper methods", "URL properties")
"""Tests that what works here must throw (docs/scripts.md); and those that take the echo server's port for its name."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            said = {
                "method": self.command,
                "args": {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()},
                "data": body.decode("utf-8", "replace"),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "path": parts.path,
                "isBase64Encoded": True,
            }
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def fixtures() -> Path:
    folder = Path(official_cli()[1]).parents[1] / "src" / "__tests__" / "e2e" / "fixtures"
    if not folder.is_dir():
        missing("the official CLI's own collections", "they came with version 0.31.4 of its package")
    return folder


def here(text: str, echo: str) -> str:
    for host in ("echo.hoppscotch.io", "httpbin.org", "postman-echo.com", "api.example.com", "example.com"):
        text = text.replace(f"https://{host}", echo).replace(host, echo.partition("//")[2])
    return text.replace("https://echo.hoppscotch.dio", "http://127.0.0.1:1")


def outcomes(path: Path) -> list[Any]:
    """For each request its name and whether it had a fault, and for each test its name and outcomes."""
    result: list[Any] = []
    for suite in ElementTree.parse(path).getroot():  # noqa: S314 - of our own making
        tests: list[Any] = []
        for case in suite.iter("testcase"):
            name = (case.get("name") or "").partition(" - ")[0]
            if not any(word in name for word in APART):
                tests.append((name, [item.tag for item in case]))
        faulty = suite.find("system-err") is not None and not suite.get("name", "").endswith(
            "/unsupported-features-test"
        )
        result.append((suite.get("name"), faulty, tests))
    return result


@pytest.mark.parametrize("name", CASES)
def test_every_test_has_the_same_outcome(name: str, echo: str, tmp_path: Path) -> None:
    folder = fixtures()
    arguments = ["test", str(tmp_path / "c.json"), "--reporter-junit", str(tmp_path / "report.xml")]
    (tmp_path / "c.json").write_text(here((folder / "collections" / f"{name}.json").read_text("utf-8"), echo), "utf-8")
    if CASES[name]:
        environment = (folder / "environments" / f"{CASES[name]}.json").read_text("utf-8")
        (tmp_path / "e.json").write_text(here(environment, echo), "utf-8")
        arguments += ["-e", str(tmp_path / "e.json")]
    if "legacy" in name:
        arguments.append("--legacy-sandbox")
    results = []
    for command in (official_cli(), list(HOPKEY)):
        done = subprocess.run([*command, *arguments], capture_output=True, check=False, cwd=tmp_path)
        results.append(outcomes(tmp_path / "report.xml"))
        if name != "scripting-revamp-coll":
            results[-1].append(done.returncode == 0)
        (tmp_path / "report.xml").unlink()
    assert results[1] == results[0]
