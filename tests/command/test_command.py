"""`hopkey test`: arguments, files and ids, verdicts, codes; against a server of the tests."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hopkey.cli.exits import ERROR_EXITS
from hopkey.cli.main import main
from hopkey.cli.terminal import Terminal
from hopkey.client.server import Server, ServerError
from tests.support import samples

TOKEN = "hkp_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEF1gMyAQ"
Answer = tuple[int, dict[str, str], bytes]


class Service:
    """A server whose answers the test decides; it remembers what arrived."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[str], Answer] = lambda path: (200, {}, b"{}")
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.seen.append((self.command, self.path, dict(self.headers.items()), body))
                status, headers, content = service.answer(self.path)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Run:
    def __init__(self, *arguments: str, **environ: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code = main(list(arguments), Terminal(out, err, {"XDG_CACHE_HOME": "/nonexistent", **environ}))
        self.out, self.err = out.getvalue(), err.getvalue()
        assert TOKEN not in self.out + self.err, "the token is never printed"


def write(folder: Path, value: Any, name: str = "c.json") -> str:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return str(path)


def one(service: Service, test: str = "", **fields: Any) -> dict[str, Any]:
    return samples.collection(
        "C", samples.request("R", **{"endpoint": f"{service.url}/r", "testScript": test, **fields})
    )


def test_passed_and_failed(service: Service, tmp_path: Path) -> None:
    good = Run("test", write(tmp_path, one(service, 'pw.test("t", () => { pw.expect(1).toBe(1); });')))
    assert (good.code, good.err) == (0, "")
    assert "✔ t" in good.out
    assert "\x1b" not in good.out, "no colours where there is no terminal"
    bad = Run("test", write(tmp_path, one(service, 'pw.test("t", () => { pw.expect(1).toBe(2); });')))
    assert (bad.code, bad.err) == (1, "ERROR_CODE: TESTS_FAILING\n")
    assert "Expected '1' to be '2'" in bad.out


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ([], 2, ""),
        (["nonsense"], 2, "UNKNOWN_COMMAND"),
        (["--nonsense"], 2, "INVALID_ARGUMENT"),
        (["test"], 2, "INVALID_ARGUMENT"),
        (["test", "a.json", "b.json"], 2, "INVALID_ARGUMENT"),
        (["test", "a.json", "--nonsense"], 2, "INVALID_ARGUMENT"),
        (["test", "a.json", "--delay", "x"], 2, "INVALID_ARGUMENT"),
        (["test", "a.json", "--delay", "-1"], 2, "INVALID_ARGUMENT"),
        (["test", "missing.json"], 2, "FILE_NOT_FOUND"),
        (["test", "some/where"], 2, "FILE_NOT_FOUND"),
        (["test", "cabcdef"], 2, "INVALID_FILE_TYPE"),
        (["test", "cabcdef", "--token", TOKEN], 5, "INVALID_SERVER_URL"),
        (["test", "cabcdef", "--token", TOKEN, "--server", "nonsense"], 5, "INVALID_SERVER_URL"),
        (["test", "cabcdef", "--token", TOKEN, "--server", "ftp://x"], 5, "INVALID_SERVER_URL"),
        (["test", "cabcdef", "--token", TOKEN, "--server", "http://127.0.0.1:1"], 5, "SERVER_CONNECTION_REFUSED"),
        (["test", "cabcdef", "--token", "a b", "--server", "http://127.0.0.1:1"], 4, "TOKEN_INVALID"),
        (["test", "a b", "--token", TOKEN, "--server", "http://127.0.0.1:1"], 5, "SERVER_CONNECTION_REFUSED"),
    ],
)
def test_bad_arguments_never_pass(arguments: list[str], code: int, error: str) -> None:
    run = Run(*arguments)
    assert run.code == code
    if error:
        assert run.err.endswith(f"ERROR_CODE: {error}\n")


@pytest.mark.parametrize(
    ("content", "code", "error"),
    [
        ("{", 3, "MALFORMED_COLLECTION"),
        ("[]", 3, "MALFORMED_COLLECTION"),
        ('"text"', 3, "MALFORMED_COLLECTION"),
        ({"name": "C"}, 3, "MALFORMED_COLLECTION"),
        (samples.collection("C", v=99), 3, "MALFORMED_COLLECTION"),
        (samples.collection("C", {"v": "17", "name": "no endpoint"}), 3, "MALFORMED_COLLECTION"),
        (samples.collection("C"), 6, "NOTHING_RAN"),
        ("[" * 100_000, 3, "MALFORMED_COLLECTION"),
    ],
)
def test_bad_collections_are_explained(tmp_path: Path, content: Any, code: int, error: str) -> None:
    run = Run("test", write(tmp_path, content))
    assert (run.code, run.err.splitlines()[-1]) == (code, f"ERROR_CODE: {error}")


@pytest.mark.parametrize(
    ("content", "error"),
    [("{", "MALFORMED_ENV_FILE"), ([samples.environment()], "BULK_ENV_FILE"), ({"a": 1}, "MALFORMED_ENV_FILE")],
)
def test_bad_environments_are_explained(service: Service, tmp_path: Path, content: Any, error: str) -> None:
    run = Run("test", write(tmp_path, one(service)), "-e", write(tmp_path, content, "e.json"))
    assert run.err.endswith(f"ERROR_CODE: {error}\n")
    assert run.code == ERROR_EXITS[error]


def test_an_existing_file_wins_over_an_id_and_must_be_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cabcdef").write_text("x")
    assert "INVALID_FILE_TYPE" in Run("test", "cabcdef", HOPKEY_TOKEN=TOKEN, HOPKEY_SERVER="http://127.0.0.1:1").err
    Path("folder.json").mkdir()
    assert "INVALID_FILE_TYPE" in Run("test", "folder.json").err


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        ((401, {}, b'{"reason": "TOKEN_INVALID"}'), 4, "TOKEN_INVALID"),
        ((400, {}, b'{"reason": "TOKEN_EXPIRED"}'), 4, "TOKEN_EXPIRED"),
        ((404, {}, b'{"reason": "INVALID_ID"}'), 4, "INVALID_ID"),
        ((500, {}, b"oops"), 5, "INVALID_SERVER_URL"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), 5, "INVALID_SERVER_URL"),
        ((200, {}, b"<html>"), 5, "INVALID_SERVER_URL"),
        ((200, {}, b'{"title": 1, "folders": {}}'), 3, "MALFORMED_COLLECTION"),
        ((200, {}, b"{}"), 3, "MALFORMED_COLLECTION"),
        ((429, {"Retry-After": "0"}, b"{}"), 5, "INVALID_SERVER_URL"),
        ((429, {"Retry-After": "nan"}, b"{}"), 5, "INVALID_SERVER_URL"),
        ((400, {}, b"[" * 100_000), 5, "INVALID_SERVER_URL"),
        ((400, {}, b'{"reason": "\xff"}'), 5, "INVALID_SERVER_URL"),
        ((200, {}, b'{"title": "\xff"}'), 5, "INVALID_SERVER_URL"),
        ((200, {"Content-Encoding": "gzip"}, b"{}"), 5, "INVALID_SERVER_URL"),
    ],
)
def test_what_a_server_answers_is_explained(service: Service, answer: Answer, code: int, error: str) -> None:
    service.answer = lambda path: answer
    run = Run("test", "cabcdef", "--server", service.url + "/v1/", HOPKEY_TOKEN=TOKEN)
    assert (run.code, run.err.splitlines()[-1]) == (code, f"ERROR_CODE: {error}")
    assert {path for _, path, _, _ in service.seen} == {"/v1/access-tokens/collection/cabcdef"}
    assert len(service.seen) == (3 if answer[0] == 429 else 1)
    assert service.seen[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_requests_go_out_as_they_stand(service: Service, tmp_path: Path) -> None:
    form = {"contentType": "application/x-www-form-urlencoded", "body": "name: <<who>>\n# off: x\ntwo words: a & b"}
    body = {"contentType": "application/json", "body": '{"a": "<<who>>", // comment\n "b": [1,],}'}
    off = {"key": "off", "value": "x", "active": False, "description": ""}
    key = {"authType": "api-key", "authActive": True, "key": "k", "value": "<<who>>", "addTo": "QUERY_PARAMS"}
    collection = samples.collection(
        "C",
        samples.request(
            "get", endpoint=f"{service.url}/a b?x=1", params=[{"key": "q", "value": "é&", "active": True}, off]
        ),
        samples.request("form", method="post", endpoint=service.url, body=form),
        samples.request("json", method="PUT", endpoint="<<base>>/j", body=body, auth=key, headers=[off]),
        samples.request(
            "secret", endpoint=service.url, auth={"authType": "bearer", "authActive": True, "token": "<<hidden>>"}
        ),
    )
    environment = samples.environment("E", who="ana", base=service.url)
    environment["variables"].append({"key": "hidden", "initialValue": "", "currentValue": "", "secret": True})
    files = (write(tmp_path, collection), "-e", write(tmp_path, environment, "e.json"))
    assert Run("test", *files, hidden="from outside").code == 0
    get, form_, json_, secret = service.seen
    assert get[:2] == ("GET", "/a%20b?x=1&q=%C3%A9%26")
    assert "Off" not in get[2]
    assert (form_[0], form_[2]["Content-Type"], form_[3]) == (
        "POST",
        form["contentType"],
        b"name=ana&two%20words=a%20%26%20b",
    )
    assert (json_[1], json_[2]["Content-Type"]) == ("/j?k=ana", "application/json")
    assert json.loads(json_[3]) == {"a": "ana", "b": [1]}
    assert secret[2]["Authorization"] == "Bearer from outside"


def test_faults_are_not_failures_and_the_run_goes_on(service: Service, tmp_path: Path) -> None:
    collection = samples.collection(
        "C",
        samples.request("nobody", endpoint="http://127.0.0.1:1/"),
        samples.request("no name", endpoint="http://no.such.host.invalid/"),
        samples.request("no address", endpoint="<<missing>>"),
        samples.request("circle", endpoint="http://<<a>>/"),
        samples.request("bad script", endpoint=service.url, preRequestScript="nope()"),
        samples.request(
            "injection", endpoint=service.url, headers=[{"key": "X", "value": "a\r\nEvil: 1", "active": True}]
        ),
    )
    run = Run(
        "test",
        write(tmp_path, collection),
        "-e",
        write(tmp_path, samples.environment("E", a="<<b>>", b="<<a>>"), "e.json"),
    )
    assert run.code == 3
    assert run.err.split() == [
        *["ERROR_CODE:", "REQUEST_ERROR"] * 3,
        *["ERROR_CODE:", "PARSING_ERROR", "ERROR_CODE:", "PRE_REQUEST_SCRIPT_ERROR"],
    ]
    assert len(service.seen) == 2, "as in the official runner, the request is sent although its script failed"
    assert "Evil" not in service.seen[1][2]
    for text in ("connection refused", "could not be resolved", "is not valid", "in a circle", "'nope' is not defined"):
        assert text in run.out


def test_what_a_server_sends_cannot_steer_the_terminal(service: Service, tmp_path: Path) -> None:
    service.answer = lambda path: (200, {}, b'"\\u001b]0;evil\\u0007"')
    run = Run("test", write(tmp_path, one(service, "console.log(pw.response.body)")))
    assert "\x1b" not in run.out
    assert "\x07" not in run.out


REACH: dict[str, Any] = {
    "token": {"id": "abc", "label": "CI", "createdOn": "2026-01-01T00:00:00Z", "expiresOn": None},
    "owner": {"name": "Eve\x1b]0;evil\x07\nroot", "email": "e@example.com"},
    "workspaces": [
        {
            "id": "w",
            "name": "W\x1b[2J",
            "role": "OWNER",
            "collections": [{"id": "c1", "name": "a\nb"}, {"id": "c2", "name": "a\nb"}],
            "environments": [],
        }
    ],
}


@pytest.mark.parametrize("command", [["whoami"], ["ls"], ["pull", "W\x1b[2J/a\nb"]])
def test_what_others_named_cannot_steer_the_terminal(service: Service, command: list[str]) -> None:
    service.answer = lambda path: (200, {}, json.dumps(REACH).encode())
    run = Run(*command, "--server", service.url, HOPKEY_TOKEN=TOKEN)
    text = run.out + run.err
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a\nb" not in text
    assert "\nroot" not in text
    assert "\\x1b" in text


@pytest.mark.parametrize("moment", ["2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00Z"])
def test_an_expiry_without_a_time_zone_is_utc(service: Service, moment: str) -> None:
    service.answer = lambda path: (200, {"Hopkey-Token-Expires": moment}, json.dumps(REACH).encode())
    run = Run("whoami", "--server", service.url, HOPKEY_TOKEN=TOKEN)
    assert run.code == 0
    assert "on 2020-01-01 00:00 UTC" in run.err


def test_a_list_whose_times_have_no_zone_cannot_be_read(service: Service) -> None:
    reach = {**REACH, "token": {**REACH["token"], "expiresOn": "2027-01-01T00:00:00"}}
    service.answer = lambda path: (200, {}, json.dumps(reach).encode())
    run = Run("whoami", "--server", service.url, HOPKEY_TOKEN=TOKEN)
    assert (run.code, run.err.splitlines()[-1]) == (5, "ERROR_CODE: INVALID_SERVER_URL")


def test_an_answer_that_breaks_off_is_told_in_plain_words() -> None:
    def cut() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=cut, daemon=True).start()
        with pytest.raises(ServerError, match="the answer broke off before its end"):
            Server(f"http://127.0.0.1:{listener.getsockname()[1]}", TOKEN).reach()


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for() -> None:
    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b" ")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, daemon=True).start()
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}", TOKEN, whole=0.2)
        start = time.monotonic()
        with pytest.raises(ServerError, match="in time") as caught:
            server.reach()
    assert caught.value.code == "INVALID_SERVER_URL"
    assert time.monotonic() - start < 5
