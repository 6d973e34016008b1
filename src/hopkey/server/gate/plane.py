"""The data plane: verify a token, answer with bytes. An ASGI application of its own, free of Django."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from hopkey.server.access.rules import may_read
from hopkey.server.addresses import client_address, limit_key
from hopkey.server.config import Config
from hopkey.server.gate.caches import Answer, Caches
from hopkey.server.gate.freshness import Fresh
from hopkey.server.gate.limiter import FailureLimiter
from hopkey.server.gate.recorder import Recorder
from hopkey.server.gate.store import Store, Unavailable
from hopkey.server.tokens.format import bearer_token, is_well_formed, public_id_of, token_digest
from hopkey.server.tokens.verify import Refusal, TokenRecord, verify

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

PREFIX = "/v1/access-tokens/"
_KINDS = ("collection", "environment")
_JSON = (b"content-type", b"application/json; charset=utf-8")
_PRIVATE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_VARY = (b"vary", b"authorization, accept-encoding")

_INVALID = b'{"reason":"TOKEN_INVALID","message":"This token is not valid."}'
_EXPIRED = b'{"reason":"TOKEN_EXPIRED","message":"This token has expired."}'
_NOT_FOUND = b'{"reason":"INVALID_ID","message":"There is nothing with this id that this token reaches."}'
_TOO_MANY = b'{"message":"Too many unknown tokens from this address. Try again later.","statusCode":429}'
_UNAVAILABLE = b'{"message":"The database does not answer. Try again.","statusCode":503}'
_METHOD = b'{"message":"Only GET and HEAD are served here.","statusCode":405}'
_INVALID_CHALLENGE = b'Bearer realm="hopkey", error="invalid_token"'
_EXPIRED_CHALLENGE = b'Bearer realm="hopkey", error="invalid_token", error_description="expired"'
_MAX_AUTHORIZATION = 4096
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def resource_of(path: str) -> tuple[str, str] | None:
    """(kind, id) if `path` is one of the gate's, with or without a second ``/v1`` in front; else None."""
    if path.startswith("/v1/v1/"):
        path = path[3:]
    if not path.startswith(PREFIX):
        return None
    kind, slash, identity = path[len(PREFIX) :].partition("/")
    if kind not in _KINDS or not slash:
        return None
    return kind, identity


class Gate:
    """Answers ``GET /v1/access-tokens/collection/:id`` and ``/environment/:id`` (docs/api.md)."""

    def __init__(self, config: Config, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._fresh = Fresh(store, Caches(config.cache_mb * 1024 * 1024))
        self._recorder = recorder
        self._limiter = FailureLimiter(config.failed_token_limit)
        self._trusted = config.trusted_proxies

    async def close(self) -> None:
        self._recorder.close()
        await self._store.close()

    async def __call__(self, scope: Scope, send: Send, kind: str, identity: str) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _reply(send, 405, _METHOD, [_NO_STORE, (b"allow", b"GET, HEAD")])
            return
        authorization = forwarded = agent = encodings = match = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"user-agent":
                agent = value
            elif name == b"accept-encoding":
                encodings = value
            elif name == b"if-none-match":
                match = value
            elif name == b"x-forwarded-for":
                forwarded = forwarded + b"," + value if forwarded else value
        peer = scope["client"][0] if scope.get("client") else ""
        address = client_address(peer, forwarded.decode("latin-1"), self._trusted) if forwarded else peer
        text = bearer_token(authorization[:_MAX_AUTHORIZATION].decode("latin-1")) or ""
        try:
            verdict = await self._verify(text, address)
            if isinstance(verdict, Refusal):
                await self._refuse(send, verdict, text, address, agent.decode("latin-1"))
                return
            record = verdict

            def allowed(workspace_id: str, is_team: bool) -> bool:
                return may_read(record, workspace_id=workspace_id, is_team=is_team)

            answer = await self._fresh.answer(kind, identity, allowed) if _ID.fullmatch(identity) else None
        except Unavailable:
            await _reply(send, 503, _UNAVAILABLE, [_NO_STORE, (b"retry-after", b"1")])
            return
        self._recorder.used(record.id, address, agent.decode("latin-1"))
        if answer is None:
            await _reply(send, 404, _NOT_FOUND, [_NO_STORE])
        else:
            await _serve(send, answer, encodings, match, head=scope["method"] == "HEAD")

    async def _verify(self, text: str, address: str) -> TokenRecord | Refusal:
        if not is_well_formed(text):
            return Refusal.MALFORMED
        await self._fresh.catch_up()
        digest = token_digest(text)
        record = await self._fresh.token(digest)
        refusal = verify(record, digest=digest, now=time.time(), address=address)
        if record is None or refusal is not None:
            return refusal or Refusal.UNKNOWN
        return record

    async def _refuse(self, send: Send, refusal: Refusal, text: str, address: str, agent: str) -> None:
        """Unknown, malformed and deleted look alike, byte for byte, whether they are too many or not."""
        guess = refusal in (Refusal.MALFORMED, Refusal.UNKNOWN)
        known = "" if guess or not text.startswith("hkp_") else public_id_of(text)
        self._recorder.refused(known, "unknown" if guess else refusal.value, address, agent)
        if guess:
            wait = self._limiter.failed(limit_key(address), time.monotonic())
            if wait:
                retry = (b"retry-after", str(int(wait + 0.999)).encode())
                await _reply(send, 429, _TOO_MANY, [_NO_STORE, retry])
                return
        expired = refusal is Refusal.EXPIRED
        challenge = (b"www-authenticate", _EXPIRED_CHALLENGE if expired else _INVALID_CHALLENGE)
        await _reply(send, 401, _EXPIRED if expired else _INVALID, [_NO_STORE, challenge])


async def _serve(send: Send, answer: Answer, encodings: bytes, match: bytes, *, head: bool) -> None:
    tag = (b"etag", answer.etag)
    if match and (match.strip() == b"*" or answer.etag in [item.strip() for item in match.split(b",")]):
        await send({"type": "http.response.start", "status": 304, "headers": [tag, _PRIVATE, _VARY]})
        await send({"type": "http.response.body", "body": b""})
        return
    body = answer.body
    headers = [_JSON, tag, _PRIVATE, _VARY, _NOSNIFF]
    if answer.compressed is not None and _accepts_gzip(encodings):
        body = answer.compressed
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def _reply(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status, "headers": [_JSON, length, _NOSNIFF, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _accepts_gzip(encodings: bytes) -> bool:
    for item in encodings.lower().split(b","):
        name, _, weight = item.partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
