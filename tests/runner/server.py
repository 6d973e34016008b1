"""A server for runs: it echoes, redirects, sets cookies, breaks connections, and asks for authorization."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Server:
    """What it has seen, and its address."""

    def __init__(self, server: http.server.ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.seen: list[tuple[str, str]] = []
        self.broken = 0
        self.tokens = 0
        self.lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one piece
    state: Server

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.parts = urlsplit(self.path)
        with self.state.lock:
            self.state.seen.append((self.command, self.path))
        name = self.parts.path.strip("/").split("/")[0]
        getattr(self, f"on_{name}", self.on_echo)()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def say(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def on_echo(self) -> None:
        data = {
            "method": self.command,
            "path": self.parts.path,
            "query": parse_qs(self.parts.query, keep_blank_values=True),
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "body": self.body.decode("latin-1"),
        }
        self.say(200, json.dumps(data, separators=(",", ":")).encode(), ("Content-Type", "application/json"))

    def on_status(self) -> None:
        self.say(int(self.parts.path.split("/")[2]), b"{}", ("Content-Type", "application/json"))

    def on_cookie(self) -> None:
        self.say(200, b"", ("Set-Cookie", "sid=1; Path=/"), ("Set-Cookie", "gone=1; Max-Age=0"))

    def on_redirect(self) -> None:
        left = int(self.parts.path.split("/")[2])
        status = int(parse_qs(self.parts.query).get("status", ["302"])[0])
        target = f"/redirect/{left - 1}?status={status}" if left > 1 else "/echo?arrived=1"
        self.say(status, b"", ("Location", target))

    def on_away(self) -> None:
        port = parse_qs(self.parts.query)["port"][0]
        self.say(307, b"", ("Location", f"http://localhost:{port}/echo"))

    def on_flaky(self) -> None:
        if self.state.broken > 0:
            self.state.broken -= 1
            self.close_connection = True
            self.connection.close()
            return
        self.on_echo()

    def on_slow(self) -> None:
        time.sleep(float(parse_qs(self.parts.query)["s"][0]))
        self.on_echo()

    def on_digest(self) -> None:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', self.headers.get("Authorization", "")))
        algorithm = parse_qs(self.parts.query)["a"][0]
        if not given:
            challenge = f'Digest realm="r", nonce="n1", qop="auth", algorithm={algorithm}, opaque="o"'
            self.say(401, b"", ("WWW-Authenticate", challenge))
            return

        def hashed(text: str) -> str:
            name = "sha256" if algorithm.startswith("SHA-256") else "md5"
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        secret = hashed("ana:r:pass word")
        if algorithm.endswith("-sess"):
            secret = hashed(f"{secret}:n1:{given['cnonce']}")
        action = hashed(f"{self.command}:{self.path}")
        right = hashed(f"{secret}:n1:{given['nc']}:{given['cnonce']}:auth:{action}")
        self.say(200 if given["response"] == right and given["opaque"] == "o" else 403)

    def on_token(self) -> None:
        self.state.tokens += 1
        body = json.dumps({"access_token": f"t{self.state.tokens}", "expires_in": 3600}).encode()
        self.say(200, body, ("Content-Type", "application/json"))

    def on_guarded(self) -> None:
        """Lets in the second token and those after it: the first has been revoked."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer t")
        self.say(200 if token.isdigit() and int(token) > 1 else 401)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    handler = type("Here", (Handler,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state = Server(server)
    handler.state = state  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
