"""Runs against a real server: order, iterations, variables, bodies, connections, authorization."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopkey.formats.collections import collections_read
from hopkey.formats.environments import environment_read
from hopkey.runner.options import Connection
from hopkey.runner.results import RequestResult, RunResult
from hopkey.runner.run import Options, run
from hopkey.runner.tree import SelectionError
from tests.runner.server import Server, serving
from tests.support import samples


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


def go(collection: dict[str, Any], environment: dict[str, Any] | None = None, **options: Any) -> RunResult:
    read = environment_read(environment) if environment is not None else None
    return run(collections_read(collection), read, Options(**options))


def echoed(result: RequestResult) -> dict[str, Any]:
    assert result.answer is not None, result.faults
    return dict(json.loads(result.answer.body))


def ask(server: Server, name: str = "R", path: str = "/echo", **fields: Any) -> dict[str, Any]:
    return samples.request(name, endpoint=server.url + path, **fields)


def folder(name: str, *requests: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return samples.collection(name, *requests, auth={"authType": "inherit", "authActive": True}, **fields)


def names(result: RunResult) -> list[str]:
    return [request.path for request in result.requests]


def test_scripts_run_outside_in_before_and_inside_out_after_and_see_each_others_changes(server: Server) -> None:
    def said(word: str) -> str:
        return f'pw.env.set("order", (pw.env.get("order") ?? "") + "{word} ");'

    inner = folder(
        "F",
        ask(server, preRequestScript=said("r"), testScript=said("R"), params=[]),
        preRequestScript=said("f"),
        testScript=said("F"),
    )
    last = ask(server, "Last", path="/echo?order=<<order>>")
    outer = samples.collection(
        "C", folders=[inner, folder("G", last)], preRequestScript=said("c"), testScript=said("C")
    )
    result = go(outer)
    assert names(result) == ["C/F/R", "C/G/Last"]
    assert echoed(result.requests[1])["query"]["order"] == ["c f r R F C c"]


def test_what_is_inherited_can_be_changed_by_a_script_before_the_request(server: Server) -> None:
    request = ask(
        server,
        method="POST",
        headers=[{"key": "X-Own", "value": "<<who>>", "active": True}],
        body={"contentType": "application/json", "body": '{"a": "<<who>>" /* why */}'},
        preRequestScript="""
        hopp.request.setHeader("X-Folder", "changed"); hopp.request.removeHeader("x-gone");
        pm.environment.set("who", "eve"); hopp.request.setParam("n", "5");
        hopp.request.setAuth({ authType: "basic", username: "u", password: "p" });
        """,
    )
    headers = [{"key": key, "value": "1", "active": True} for key in ("X-Folder", "X-Gone", "X-Stays")]
    result = go(
        samples.collection(
            "C", request, headers=headers, auth={"authType": "bearer", "authActive": True, "token": "t"}
        ),
        samples.environment("E", who="ana"),
    )
    seen = echoed(result.requests[0])
    assert {key: seen["headers"].get(key) for key in ("x-own", "x-folder", "x-gone", "x-stays", "authorization")} == {
        "x-own": "eve",
        "x-folder": "changed",
        "x-gone": None,
        "x-stays": "1",
        "authorization": "Basic dTpw",
    }
    assert (seen["query"], seen["body"]) == ({"n": ["5"]}, '{"a":"eve"}')


def test_request_variables_stand_above_collections_these_above_the_environment(server: Server) -> None:
    def variable(value: str) -> list[dict[str, Any]]:
        return [{"key": key, "initialValue": value, "currentValue": value, "secret": False} for key in value.split()]

    own = [{"key": "r", "value": "request", "active": True}]
    inner = folder("F", ask(server, path="/echo?v=<<r>>,<<f>>,<<c>>,<<e>>,<<none>>", requestVariables=own))
    inner["variables"] = [{"key": key, "initialValue": "folder", "currentValue": "", "secret": False} for key in "rf"]
    outer = samples.collection("C", folders=[inner])
    outer["variables"] = [
        {"key": key, "initialValue": "collection", "currentValue": "", "secret": False} for key in "rfc"
    ]
    environment = samples.environment("E", r="environment", f="environment", c="environment", e="environment")
    assert variable("x")
    result = go(outer, environment)
    assert echoed(result.requests[0])["query"]["v"] == ["request,folder,collection,environment,"]


def test_each_iteration_starts_with_the_environment_and_its_own_row(server: Server) -> None:
    script = 'pw.env.set("count", String(Number(pw.env.get("count")) + 1)); pm.globals.set("g", "1")'
    request = ask(server, path="/echo?u=<<user>>&c=<<count>>&g=<<g>>&k=<<kept>>", testScript=script)
    result = go(
        samples.collection("C", request, ask(server, "S", path="/echo?c=<<count>>&g=<<g>>")),
        samples.environment("E", user="nobody", count="0", kept="yes"),
        iterations=3,
        rows=[{"user": "ana", "kept": ""}, {"user": "eve"}],
    )
    seen = [echoed(item)["query"] for item in result.requests]
    assert [item["u"][0] for item in seen[::2]] == ["ana", "eve", "eve"]
    assert [item["c"][0] for item in seen] == ["0", "1"] * 3
    assert [item["g"][0] for item in seen] == ["", "1", "1", "1", "1", "1"], "globals stay, as in the official runner"
    assert seen[0]["k"] == ["yes"], "an empty cell overrides nothing"
    assert [item.iteration for item in result.requests] == [1, 1, 2, 2, 3, 3]


def test_iterations_side_by_side_give_the_same_results_in_the_same_order(server: Server) -> None:
    request = ask(
        server,
        path="/slow?s=0.15&u=<<user>>",
        testScript="pm.test('t', () => pm.expect(pm.info.iteration).to.be.below(4))",
    )
    told: list[int] = []
    start = time.monotonic()
    rows = [{"user": str(index)} for index in range(4)]
    read = collections_read(samples.collection("C", request))
    result = run(
        read, None, Options(iterations=4, rows=rows, parallel=4), on_result=lambda item: told.append(item.iteration)
    )
    assert time.monotonic() - start < 1.2
    assert [echoed(item)["query"]["u"][0] for item in result.requests] == ["0", "1", "2", "3"]
    assert (told, result.ok) == ([1, 2, 3, 4], True)


def test_a_part_of_a_collection_is_run_by_name_path_or_id(server: Server) -> None:
    inner = folder("Smoke", ask(server, "Ping"), id="cid")
    whole = samples.collection(
        "C", ask(server, "First", id="rid"), folders=[inner, folder("Other", ask(server, "Ping"))]
    )
    assert names(go(whole, folders=["Smoke"])) == ["C/Smoke/Ping"]
    assert names(go(whole, folders=["cid"])) == ["C/Smoke/Ping"]
    assert names(go(whole, requests=["rid", "Other/Ping"])) == ["C/First", "C/Other/Ping"]
    assert names(go(whole, requests=["Ping"])) == ["C/Smoke/Ping", "C/Other/Ping"]
    with pytest.raises(SelectionError, match="no folder 'Nope'; there is C, Other, Smoke"):
        go(whole, folders=["Nope"])


def test_bail_ends_the_run_at_the_first_failure(server: Server) -> None:
    bad = ask(server, "Bad", testScript="pm.test('t', () => pm.expect(1).to.equal(2))")
    result = go(samples.collection("C", ask(server, "A"), bad, ask(server, "Never")), bail=True, iterations=2)
    assert (names(result), result.stopped, result.ok) == (["C/A", "C/Bad"], "bail", False)


def test_scripts_choose_the_next_request_and_skip_some(server: Server) -> None:
    first = ask(server, "First", testScript="pm.execution.setNextRequest('Third')")
    skipped = ask(
        server, "Fourth", preRequestScript="pm.execution.skipRequest()", testScript="throw new Error('never')"
    )
    last = ask(server, "Fifth", testScript="pm.execution.setNextRequest(null)")
    result = go(
        samples.collection("C", first, ask(server, "Second"), ask(server, "Third"), skipped, last, ask(server, "Sixth"))
    )
    assert names(result) == ["C/First", "C/Third", "C/Fourth", "C/Fifth"]
    assert [item.skipped for item in result.requests] == [False, False, True, False]
    assert result.ok
    lost = go(samples.collection("C", ask(server, testScript="pm.execution.setNextRequest('Nope')")))
    assert lost.faults[0].message == "setNextRequest: there is no request 'Nope' in this run"


def test_a_circle_of_requests_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopkey.runner.run.MAX_JUMPS", 20)
    result = go(samples.collection("C", ask(server, testScript="pm.execution.setNextRequest('R')")))
    assert len(result.requests) == 21
    assert result.faults[0].kind == "limit"


def test_an_error_of_the_server_that_no_test_looks_at_is_a_fault(server: Server) -> None:
    looked = ask(server, "Looked", path="/status/503", testScript="pm.test('t', () => pm.response.to.have.status(503))")
    result = go(
        samples.collection(
            "C", ask(server, "Unseen", path="/status/500"), looked, ask(server, "Missing", path="/status/404")
        )
    )
    assert [item.ok for item in result.requests] == [False, True, True]
    assert result.faults[0].kind == "status"


def test_cookies_are_kept_within_a_run_and_scripts_may_look(server: Server) -> None:
    script = """
    pm.test("jar", () => {
      pm.expect(pm.cookies.get("sid")).to.equal("1");
      const names = hopp.cookies.getAll("127.0.0.1").map((cookie) => cookie.name).join();
      pm.expect(names).to.equal(pm.info.iteration ? "sid,more" : "sid");
      hopp.cookies.set("127.0.0.1", { name: "more", value: "2" });
    });
    """
    result = go(
        samples.collection("C", ask(server, path="/cookie", testScript=script), ask(server, "Next")), iterations=2
    )
    assert result.ok, [check.message for check in result.checks]
    assert echoed(result.requests[1])["headers"]["cookie"] == "sid=1; more=2"
    assert server.seen[2][1] == "/cookie"


def test_redirects_are_followed_as_browsers_do_and_secrets_stay_at_home(server: Server) -> None:
    auth = {"authType": "bearer", "authActive": True, "token": "t"}
    body = {"contentType": "text/plain", "body": "x"}
    with serving() as other:
        away = ask(server, "Away", path=f"/away?port={other.url.rsplit(':', 1)[1]}", auth=auth)
        result = go(
            samples.collection(
                "C",
                ask(server, "Many", path="/redirect/3", auth=auth),
                ask(server, "Post", path="/redirect/1", method="POST", body=body),
                ask(server, "Kept", path="/redirect/1?status=307", method="POST", body=body),
                away,
                ask(server, "Endless", path="/redirect/50"),
            )
        )
    many, post, kept, gone, endless = result.requests
    assert (echoed(many)["headers"]["authorization"], many.answer.url if many.answer else "") == (
        "Bearer t",
        f"{server.url}/echo?arrived=1",
    )
    assert (echoed(post)["method"], echoed(post)["body"]) == ("GET", "")
    assert (echoed(kept)["method"], echoed(kept)["body"]) == ("POST", "x")
    assert "authorization" not in echoed(gone)["headers"]
    assert endless.faults[0].message == "more than 20 redirects"
    stays = go(samples.collection("C", ask(server, path="/redirect/1")), connection=Connection(follow_redirects=False))
    assert stays.requests[0].answer is not None
    assert stays.requests[0].answer.status == 302


def test_connections_that_break_are_tried_again_where_that_does_no_harm(server: Server) -> None:
    server.broken = 2
    assert go(samples.collection("C", ask(server, path="/flaky")), connection=Connection(retries=2)).ok
    server.broken = 1
    post = go(samples.collection("C", ask(server, path="/flaky", method="POST")), connection=Connection(retries=2))
    assert post.faults[0].kind == "network", "a request that may have arrived is not sent twice"
    server.broken = 0
    slow = go(samples.collection("C", ask(server, path="/slow?s=2")), connection=Connection(timeout=0.2))
    assert slow.faults[0].message == "the server did not answer in time"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"])
def test_digest_answers_the_challenge(server: Server, algorithm: str) -> None:
    auth = {"authType": "digest", "authActive": True, "username": "<<user>>", "password": "pass word"}
    check = "pm.test('in', () => pm.response.to.have.status(200))"
    request = ask(server, path=f"/digest?a={algorithm}", method="PUT", auth=auth, testScript=check)
    assert go(samples.collection("C", request), samples.environment("E", user="ana")).ok
    wrong = {**request, "auth": {**auth, "password": "x"}}
    assert not go(samples.collection("C", wrong), samples.environment("E", user="ana")).ok


def test_oauth_tokens_are_fetched_and_replaced_when_they_are_refused(server: Server) -> None:
    grant = {
        "grantType": "CLIENT_CREDENTIALS",
        "tokenEndpoint": server.url + "/token",
        "clientID": "c",
        "clientSecret": "<<s>>",
    }
    auth = {"authType": "oauth-2", "authActive": True, "grantTypeInfo": grant, "addTo": "HEADERS"}
    check = "pm.test('in', () => pm.response.to.have.status(200))"
    requests = [ask(server, name, path="/guarded", auth=auth, testScript=check) for name in "AB"]
    assert go(samples.collection("C", *requests), samples.environment("E", s="secret")).ok
    assert [path for _, path in server.seen] == ["/token", "/guarded", "/token", "/guarded", "/guarded"]


def test_bodies_of_every_kind(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    (tmp_path / "b.bin").write_bytes(b"\x00\x01")
    rows = [
        {"key": "text", "value": "<<v>>", "active": True, "isFile": False, "contentType": "text/x-own"},
        {"key": "off", "value": "1", "active": False, "isFile": False},
        {"key": "file", "value": ["a.txt"], "active": True, "isFile": True},
    ]
    kinds = {
        "form": ("multipart/form-data", rows),
        "binary": ("application/octet-stream", "b.bin"),
        "urlencoded": ("application/x-www-form-urlencoded", "a: <<v>> &\n# b: off\nc:"),
        "xml": ("application/xml", "<a><<v>></a>"),
        "comments": ("application/hal+json", '{"a": "//", /* x */ "b": [1, 2,], // y\n}'),
    }
    requests = [
        ask(server, name, method="POST", body={"contentType": kind, "body": body})
        for name, (kind, body) in kinds.items()
    ]
    own = ask(server, "own", method="POST", body={"contentType": "text/plain", "body": "x"})
    own["headers"] = [{"key": "content-type", "value": "text/x-mine", "active": True}]
    result = go(samples.collection("C", *requests, own), samples.environment("E", v="ä"), files=tmp_path)
    form, binary, encoded, xml, comments, mine = map(echoed, result.requests)
    assert form["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    for part in (
        'name="text"\r\nContent-Type: text/x-own\r\n\r\nÃ¤',
        'name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ncontent',
    ):
        assert part in form["body"]
    assert "off" not in form["body"]
    assert (binary["body"], binary["headers"]["content-type"]) == ("\x00\x01", "application/octet-stream")
    assert encoded["body"] == "a=%C3%A4%20%26&c="
    assert xml["body"].encode("latin-1").decode() == "<a>ä</a>"
    assert json.loads(comments["body"]) == {"a": "//", "b": [1, 2]}
    assert mine["headers"]["content-type"] == "text/x-mine"


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "link.txt", "missing.txt"])
def test_files_outside_of_the_folder_are_never_read(server: Server, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.txt").symlink_to(tmp_path / "secret.txt")
    rows = [{"key": "f", "value": [path], "active": True, "isFile": True}]
    body = {"contentType": "multipart/form-data", "body": rows}
    request = ask(server, method="POST", body=body)
    assert go(samples.collection("C", request), files=inside).faults[0].kind == "format"
    assert go(samples.collection("C", request), files=None).faults[0].kind == "format"
    assert server.seen == []


def test_scripts_send_requests_through_the_connections_of_the_run(server: Server) -> None:
    script = """
    const answer = await hopp.fetch(`${pw.env.get("base")}/echo`, { method: "POST", headers: { "X-A": "1" }, body: "b" });
    const seen = await answer.json();
    pm.sendRequest(`${pw.env.get("base")}/cookie`, () => {
      pm.sendRequest(`${pw.env.get("base")}/echo`, (error, inner) => {
        pm.test("cookie", () => pm.expect(inner.json().headers.cookie).to.equal("sid=1"));
      });
    });
    pm.test("fetch", () => { pm.expect(seen.headers["x-a"] + seen.body).to.equal("1b"); });
    """
    result = go(samples.collection("C", ask(server, testScript=script)), samples.environment("E", base=server.url))
    assert (result.ok, [test.name for test in result.requests[0].tests]) == (True, ["fetch", "cookie"])


def test_secrets_are_told_apart_from_other_values(server: Server) -> None:
    environment = samples.environment("E", plain="visible-value")
    environment["variables"].append({"key": "S", "initialValue": "", "currentValue": "", "secret": True})
    result = go(samples.collection("C", ask(server, path="/echo?s=<<S>>")), environment, outside={"S": "from-outside"})
    assert result.secrets == {"from-outside"}
    assert echoed(result.requests[0])["query"]["s"] == ["from-outside"]


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Where the tests run in the background, a shell may have them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_run_keeps_what_was_done(server: Server) -> None:
    def interrupt() -> None:
        while len(server.seen) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    requests = [ask(server, "Quick"), ask(server, "Slow", path="/slow?s=5"), ask(server, "Never")]
    result = go(samples.collection("C", *requests))
    assert (result.stopped, names(result), result.ok) == ("interrupted", ["C/Quick"], False)


def test_tls_certificates_are_checked_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    script = """
import http.server, ssl, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", 0), H)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
    certificate, key = make_certificate(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", script, certificate, key], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = f"https://127.0.0.1:{process.stdout.readline().strip()}/"
            collection = samples.collection("C", samples.request("R", endpoint=url))
            refused = go(collection)
            assert "TLS" in refused.faults[0].message
            assert go(collection, connection=Connection(verify=False)).ok
            assert go(collection, connection=Connection(ca_file=certificate)).ok
        finally:
            process.kill()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "c.pem", folder / "k.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, plain))
    return certificate, key
