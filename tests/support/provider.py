"""A small OpenID Connect provider on loopback: discovery, authorize (a real page), token with PKCE, keys, user
information. It can be told to misbehave, which a real one hopefully cannot.

In a thread (`running`), or as a process of its own: ``python -m tests.support.provider PORT``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "hopkey-tests", "s3cret/with:odd characters"


@dataclass
class State:
    """Who has an account there, and what the provider does wrong."""

    issuer: str
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    mischief: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    other: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def person(self, sub: str, email: str, *, verified: Any = True, name: str = "", **more: Any) -> None:
        self.people[sub] = {"sub": sub, "email": email, "email_verified": verified, "name": name or sub, **more}

    def id_token(self, code: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            **{key: value for key, value in self.people[code["sub"]].items() if self.mischief != "userinfo only"},
            "sub": code["sub"],
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": code["nonce"],
            "auth_time": now,
        }
        if self.mischief == "userinfo only" or self.mischief == "userinfo of another":
            claims = {key: value for key, value in claims.items() if key not in ("email", "email_verified", "name")}
        changes: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"},
            "no nonce": {"nonce": None},
            "issuer": {"iss": "https://evil.example"},
            "audience": {"aud": "another-client"},
            "two audiences": {"aud": [CLIENT, "another-client"]},
            "azp": {"azp": "another-client"},
            "expired": {"exp": now - 3600},
            "from tomorrow": {"iat": now + 86_400},
            "no expiry": {"exp": None},
            "no subject": {"sub": None},
            "odd subject": {"sub": "x\0y"},
            "old": {"auth_time": now - 7200},
        }
        claims = {**claims, **changes.get(self.mischief, {})}
        claims = {key: value for key, value in claims.items() if value is not None}
        if self.mischief == "none":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"})
        if self.mischief == "shared secret":
            return jwt.encode(claims, SECRET.ljust(40, "x"), algorithm="HS256", headers={"kid": "k1"})
        key = self.other if self.mischief in ("another key", "unknown key") else self.key
        kid = "k2" if self.mischief == "unknown key" else "k1"
        token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})
        if self.mischief == "changed":
            head, body, signature = token.split(".")
            padded = json.loads(base64.urlsafe_b64decode(body + "=="))
            body = base64.urlsafe_b64encode(json.dumps({**padded, "sub": "root"}).encode()).rstrip(b"=").decode()
            return ".".join((head, body, signature))
        return token


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def state(self) -> State:
        return self.server.state

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        issuer = self.state.issuer
        if parts.path == "/.well-known/openid-configuration":
            named = "https://evil.example" if self.state.mischief == "discovery" else issuer
            self._json(
                {
                    "issuer": named,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/jwks",
                    "userinfo_endpoint": f"{issuer}/userinfo",
                    "authorization_response_iss_parameter_supported": True,
                }
            )
        elif parts.path == "/jwks":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.state.key.public_key()))
            self._json({"keys": [{**key, "kid": "k1", "use": "sig", "alg": "RS256"}, {"kty": "unknown"}]})
        elif parts.path == "/authorize":
            self.state.asked.append(query)
            self._page(query)
        elif parts.path == "/userinfo":
            sub = self.headers.get("Authorization", "").removeprefix("Bearer at-")
            info = self.state.people[sub]
            self._json({**info, "sub": "another"} if self.state.mischief == "userinfo of another" else info)
        else:
            self._json({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        fields = {key: values[0] for key, values in parse_qs(body).items()}
        path = urlsplit(self.path).path
        if path == "/authorize":
            self._decided(fields)
        elif path == "/token":
            self._token(fields)
        elif path == "/control":
            given = json.loads(body)
            self.state.mischief = given.get("mischief", self.state.mischief)
            for person in given.get("people", []):
                self.state.people[person["sub"]] = person
            self._json({})

    def _page(self, query: dict[str, str]) -> None:
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(key)}" value="{html.escape(value)}">'
            for key, value in query.items()
        )
        buttons = "".join(f'<button name="sub" value="{sub}">Sign in as {sub}</button>' for sub in self.state.people)
        page = (
            "<!doctype html><title>Provider</title><h1>Provider</h1>"
            f'<form method="post" action="/authorize">{hidden}{buttons}<button name="sub" value="">Cancel</button></form>'
        )
        data = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _decided(self, fields: dict[str, str]) -> None:
        answer = {"state": fields["state"], "iss": self.state.issuer}
        if self.state.mischief == "mixed up":
            answer["iss"] = "https://evil.example"
        sub = fields.get("sub", "")
        if not sub:
            answer["error"] = "access_denied"
        else:
            code = secrets.token_urlsafe(16)
            self.state.codes[code] = {**fields, "sub": sub}
            answer["code"] = code
        self.send_response(303)
        self.send_header("Location", fields["redirect_uri"] + "?" + urlencode(answer))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _token(self, fields: dict[str, str]) -> None:
        if self.state.mischief == "broken":
            return self._json({"error": "server_error"}, 500)
        if self.state.mischief == "no json":
            return self._json("nonsense")
        code = self.state.codes.pop(fields.get("code", ""), None)
        scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
        client, _, secret = base64.b64decode(pair).decode().partition(":") if scheme == "Basic" else ("", "", "")
        challenge = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        right = (
            code is not None
            and (unquote_plus(client), unquote_plus(secret)) == (CLIENT, SECRET)
            and fields.get("redirect_uri") == code["redirect_uri"]
            and code.get("code_challenge_method") == "S256"
            and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == code["code_challenge"]
        )
        if not right or code is None:
            return self._json({"error": "invalid_grant"}, 400)
        answer = {"access_token": f"at-{code['sub']}", "token_type": "Bearer", "id_token": self.state.id_token(code)}
        if self.state.mischief == "no token":
            del answer["id_token"]
        return self._json(answer)

    def _json(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = State(f"http://127.0.0.1:{self.server_address[1]}")


@contextlib.contextmanager
def running() -> Iterator[State]:
    """A provider in a thread of this process."""
    server = _Server(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    _Server(int(sys.argv[1])).serve_forever()
