"""The target of the demo's collection: a small orders service that also echoes what it gets. Standard library only."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "demo-key"
USER, PASSWORD = "reporter", "paper-boat"


class Handler(BaseHTTPRequestHandler):
    """Orders need a bearer token, stock an API key, reports a user and password; /echo needs nothing."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one packet an answer: two would wait for each other's acknowledgement
    orders: dict[int, dict[str, Any]] = {}
    numbers = itertools.count(1)

    def do_GET(self) -> None:
        self._answer(*self._route())

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the run prints what matters."""

    def _route(self) -> tuple[int, Any]:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        steps = [step for step in parts.path.split("/") if step]
        if steps == ["echo"]:
            return 200, {
                "method": self.command,
                "query": parse_qs(parts.query),
                "headers": dict(self.headers.items()),
                "body": body.decode("utf-8", "replace"),
            }
        if steps == ["login"] and self.command == "POST":
            form = parse_qs(body.decode())
            return 200, {"access": f"session-of-{form.get('user', ['nobody'])[0]}"}
        if steps[:1] == ["orders"]:
            return self._orders(steps[1:], body)
        if steps == ["stock"]:
            allowed = self.headers.get("X-Api-Key") == API_KEY
            return (200, {"anvils": 7, "rockets": 2}) if allowed else (403, {"error": "wrong key"})
        if steps == ["reports", "daily"]:
            expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            allowed = self.headers.get("Authorization") == expected
            return (200, {"orders": len(self.orders)}) if allowed else (401, {"error": "wrong password"})
        return 404, {"error": "no such place"}

    def _orders(self, steps: list[str], body: bytes) -> tuple[int, Any]:
        if not (self.headers.get("Authorization") or "").startswith("Bearer session-of-"):
            return 401, {"error": "log in first"}
        if not steps and self.command == "POST":
            order = {**json.loads(body), "id": next(self.numbers), "state": "open"}
            self.orders[order["id"]] = order
            return 201, order
        if not steps:
            return 200, list(self.orders.values())
        order_id = int(steps[0]) if steps[0].isdigit() else 0
        if self.command == "DELETE":
            return (204, None) if self.orders.pop(order_id, None) else (404, {"error": "no such order"})
        found = self.orders.get(order_id)
        return (200, found) if found else (404, {"error": "no such order"})

    def _answer(self, status: int, value: Any) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def start(port: int = 0) -> ThreadingHTTPServer:
    """Serve on loopback in a thread; the server's address tells the port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
