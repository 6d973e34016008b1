"""Something that receives webhooks on loopback and checks their signatures, as a receiver should."""

from __future__ import annotations

import contextlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hopkey.server.webhooks.signing import signature


@dataclass
class Received:
    key: str
    timestamp: int
    signature: str
    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def is_signed_with(self, secret: str, *, now: float | None = None) -> bool:
        """The signature fits, and the moment is at most five minutes away: an old one was replayed."""
        if abs((time.time() if now is None else now) - self.timestamp) > 300:
            return False
        wanted = signature(secret=secret, key=self.key, timestamp=self.timestamp, body=self.body)
        return any(hmac.compare_digest(wanted, given) for given in self.signature.split(" "))


@dataclass
class Receiver:
    """``status``: what it answers; ``location``: where it redirects to; ``wait``: seconds before it answers."""

    url: str = ""
    status: int = 204
    location: str = ""
    wait: float = 0
    answer: bytes = b""
    got: list[Received] = field(default_factory=list)

    def wait_for(self, count: int, seconds: float = 20) -> list[Received]:
        end = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < end:
            time.sleep(0.05)
        assert len(self.got) >= count
        return self.got


@contextlib.contextmanager
def receiver(certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """`certificate`: files of certificate and key, for https."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = {name.lower(): value for name, value in self.headers.items()}
            made.got.append(
                Received(
                    given.get("webhook-id", ""),
                    int(given.get("webhook-timestamp", "0")),
                    given.get("webhook-signature", ""),
                    body,
                    given,
                )
            )
            time.sleep(made.wait)
            with contextlib.suppress(OSError):
                self.send_response(made.status)
                if made.location:
                    self.send_header("Location", made.location)
                self.send_header("Content-Length", str(len(made.answer)))
                self.end_headers()
                self.wfile.write(made.answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
