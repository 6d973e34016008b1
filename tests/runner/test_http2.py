"""HTTP/2 with a real server, and with servers that do not keep to it."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hopkey.formats.collections import collections_read
from hopkey.runner.building import Outgoing
from hopkey.runner.options import Connection, Options
from hopkey.runner.run import run
from hopkey.runner.sending import Sender, SendError
from tests.support import samples

APPLICATION = """
import gzip, json

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    query = scope["query_string"].decode()
    if query.startswith("to="):
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", query[3:].encode())]})
        await send({"type": "http.response.body", "body": b""})
        return
    answer = json.dumps({
        "version": scope["http_version"], "method": scope["method"], "path": scope["path"], "size": len(body),
        "headers": {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
        "fill": "x" * (int(query[5:]) if query.startswith("fill=") else 0),
    }).encode()
    headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip"), (b"set-cookie", b"sid=1; Path=/")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": gzip.compress(answer)})
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert, private


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def pem(folder: Path) -> tuple[Path, Path]:
    return certificate(folder)


@contextlib.contextmanager
def granian(folder: Path, pem: tuple[Path, Path], http: str) -> Iterator[str]:
    (folder / "h2app.py").write_text(APPLICATION)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--http", http, "--ssl-certificate", str(pem[0]), "--ssl-keyfile", str(pem[1]), "h2app:app"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"https://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def server(folder: Path, pem: tuple[Path, Path]) -> Iterator[str]:
    with granian(folder, pem, "auto") as url:
        yield url


@pytest.fixture
def sender(pem: tuple[Path, Path]) -> Iterator[Sender]:
    made = Sender(Connection(ca_file=pem[0], http2=True, timeout=10))
    yield made
    made.close()


def ask(sender: Sender, url: str, method: str = "GET", body: bytes | None = None) -> dict[str, object]:
    answer = sender.send(Outgoing(method, url, (("X-Own", "\u00fc"), ("Connection", "close")), body))
    assert (answer.status, answer.reason) == (201, "Created")
    return dict(json.loads(answer.body))


def test_a_server_that_offers_it_is_spoken_to_in_http_2(server: str, sender: Sender) -> None:
    for _ in range(3):
        said = ask(sender, f"{server}/a%20b?q=1")
        assert (said["version"], said["method"], said["path"]) == ("2", "GET", "/a b")
        assert isinstance(said["headers"], dict)
        assert said["headers"]["x-own"] == "\u00fc"


def test_large_bodies_pass_the_windows_both_ways(server: str, sender: Sender) -> None:
    said = ask(sender, f"{server}/?fill=3000000", "POST", b"y" * 5_000_000)
    assert (said["version"], said["size"], len(str(said["fill"]))) == ("2", 5_000_000, 3_000_000)


def test_a_run_with_scripts_cookies_and_redirects(server: str, pem: tuple[Path, Path]) -> None:
    script = """
    const other = await (await fetch("<url>/fetched")).json();
    pm.test("http 2", () => {
      pm.expect(pm.response.json().version).to.equal("2"); pm.expect(other.version).to.equal("2");
      pm.expect(other.headers.cookie).to.equal("sid=1");
    });
    """.replace("<url>", server)
    request = samples.request("R", endpoint=f"{server}/?to=/there", testScript=script)
    options = Options(connection=Connection(ca_file=pem[0], http2=True))
    result = run(collections_read(samples.collection("C", request, request)), None, options)
    assert result.ok, result
    assert result.requests[0].answer is not None
    assert result.requests[0].answer.url == f"{server}/there"


def test_a_server_without_it_is_spoken_to_in_http_1(folder: Path, pem: tuple[Path, Path], sender: Sender) -> None:
    with granian(folder, pem, "1") as url:
        assert [ask(sender, url)["version"] for _ in range(2)] == ["1.1", "1.1"]


def test_without_the_switch_nothing_changes(server: str, pem: tuple[Path, Path]) -> None:
    with contextlib.closing(Sender(Connection(ca_file=pem[0]))) as sender:
        assert ask(sender, server)["version"] == "1.1"


def test_certificates_are_checked(server: str) -> None:
    with (
        contextlib.closing(Sender(Connection(http2=True))) as sender,
        pytest.raises(SendError, match="TLS connection failed"),
    ):
        sender.send(Outgoing("GET", server, (), None))
    with contextlib.closing(Sender(Connection(http2=True, verify=False))) as sender:
        assert ask(sender, server)["version"] == "2"


@pytest.mark.parametrize("name", ["nowhere.invalid", "127.0.0.1:1"])
def test_what_cannot_be_reached_is_explained(name: str, sender: Sender) -> None:
    with pytest.raises(SendError, match=r"could not be resolved|refused"):
        sender.send(Outgoing("GET", f"https://{name}/", (), None))


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"])
def test_a_server_that_breaks_the_protocol_or_says_nothing_holds_nobody(
    sent: bytes, pem: tuple[Path, Path], folder: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pem)
    context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                plain, _ = listening.accept()
                with context.wrap_socket(plain, server_side=True) as secure:
                    if sent:
                        secure.sendall(sent)
                        time.sleep(3)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        start = time.monotonic()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        with (
            contextlib.closing(Sender(Connection(ca_file=pem[0], http2=True, timeout=1))) as sender,
            pytest.raises(SendError) as caught,
        ):
            sender.send(Outgoing("GET", url, (), None))
        assert time.monotonic() - start < 2.5
        assert any(word in str(caught.value) for word in ("closed", "HTTP/2", "in time", "broke off")), caught.value
        thread.join()


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hopkey.runner.http2", None)
    with pytest.raises(SendError, match=r"pip install 'hopkey\[http2\]'"):
        Sender(Connection(http2=True))
