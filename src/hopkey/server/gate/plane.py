"""The data plane: verify a token, answer with bytes. An ASGI application of its own, free of Django."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from hopkey.server.access.rules import may_read
from hopkey.server.addresses import client_address, limit_key
from hopkey.server.config import Config
from hopkey.server.gate.caches import Answer, Caches, messages
from hopkey.server.gate.freshness import Fresh
from hopkey.server.gate.recorder import Recorder
from hopkey.server.gate.store import Store, Unavailable
from hopkey.server.limiter import FailureLimiter
from hopkey.server.tokens.format import bearer_token, is_well_formed
from hopkey.server.tokens.policy import WORDS, Over
from hopkey.server.tokens.verify import Refusal, TokenRecord, may_have_changed, stopped_by_policy, verify

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

PREFIX = "/v1/access-tokens/"
_KINDS = ("collection", "environment")
_REACH = "reach"
ROUTES = (*(f"{PREFIX}{kind}/:id" for kind in _KINDS), f"{PREFIX}{_REACH}")
"""The gate's addresses, for documentation and tests."""
_REFUSED_UNSEEN_SECONDS = 0.002
"""How old a look at PostgreSQL may be for a token found unknown to be refused once more without another. What is
refused may be that old, what is accepted never: nobody holds a token before it is generated, so only a restored backup
can make an unknown one good. A flood of one bad token then costs the database at most 500 looks a second.
"""
_WARN_SECONDS = 7 * 86_400.0
"""How long before its end the answers of a token say when it expires."""

_JSON = (b"content-type", b"application/json; charset=utf-8")
_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")

_INVALID = b'{"reason":"TOKEN_INVALID","message":"This token is not valid."}'
_EXPIRED = b'{"reason":"TOKEN_EXPIRED","message":"This token has expired."}'
_NOT_FOUND = b'{"reason":"INVALID_ID","message":"There is nothing with this id that this token reaches."}'
_TOO_MANY = b'{"message":"Too many unknown tokens from this address. Try again later.","statusCode":429}'
_UNAVAILABLE = b'{"message":"The database does not answer. Try again.","statusCode":503}'
_METHOD = b'{"message":"Only GET and HEAD are served here.","statusCode":405}'
_INVALID_CHALLENGE = b'Bearer realm="hopkey", error="invalid_token"'
_EXPIRED_CHALLENGE = b'Bearer realm="hopkey", error="invalid_token", error_description="expired"'
_MAX_AUTHORIZATION = 4096
_INVALID_MESSAGES = messages(401, _INVALID, [_JSON, _NOSNIFF, _NO_STORE, (b"www-authenticate", _INVALID_CHALLENGE)])
_EXPIRED_MESSAGES = messages(401, _EXPIRED, [_JSON, _NOSNIFF, _NO_STORE, (b"www-authenticate", _EXPIRED_CHALLENGE)])
_POLICY_MESSAGES = {
    over: messages(
        401,
        msgspec.json.encode(
            {"reason": "TOKEN_INVALID", "message": f"The policy of this server stops this token: it {WORDS[over]}."}
        ),
        [_JSON, _NOSNIFF, _NO_STORE, (b"www-authenticate", _INVALID_CHALLENGE)],
    )
    for over in Over
}
_NOT_FOUND_MESSAGES = messages(404, _NOT_FOUND, [_JSON, _NOSNIFF, _NO_STORE])
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def resource_of(path: str) -> tuple[str, str] | None:
    """(kind, id) if `path` is one of the gate's, with or without a second ``/v1`` in front; else None."""
    return _remembered(path) if len(path) <= _REMEMBERED_LENGTH else _resource_of(path)


def _resource_of(path: str) -> tuple[str, str] | None:
    if path.startswith("/v1/v1/"):
        path = path[3:]
    if not path.startswith(PREFIX):
        return None
    kind, slash, identity = path[len(PREFIX) :].partition("/")
    if kind == _REACH and not identity:
        return kind, ""
    if kind not in _KINDS or not slash:
        return None
    return kind, identity


_REMEMBERED_LENGTH = 128
_remembered = functools.lru_cache(1024)(_resource_of)


class Gate:
    """Answers ``GET /v1/access-tokens/collection/:id`` and ``/environment/:id`` (docs/api.md)."""

    def __init__(self, config: Config, store: Store, recorder: Recorder) -> None:
        self._store = store
        caches = Caches(config.cache_mb * 1024 * 1024)
        self._fresh = Fresh(store, caches)
        # The hot path looks into the caches itself: it runs tens of thousands of times a second.
        self._tokens, self._unknown, self._answers = caches.tokens, caches.unknown, caches.answers
        self._instant = store.instant
        self._recorder = recorder
        self._limiter = FailureLimiter(config.failed_token_limit)
        self._trusted = config.trusted_proxies

    async def close(self) -> None:
        # What is still being written keeps its locks (see `WalIndex`) until the process ends.
        if self._recorder.close():
            await self._store.close()

    async def __call__(self, scope: Scope, send: Send, kind: str, identity: str) -> None:
        method = scope["method"]
        if method != "GET" and method != "HEAD":
            await _reply(send, 405, _METHOD, [_NO_STORE, (b"allow", b"GET, HEAD")])
            return
        authorization, forwarded, agent, encodings, match = _fields(scope["headers"])
        client = scope.get("client")
        address = client[0] if client else ""
        if forwarded:
            address = client_address(address, forwarded.decode("latin-1"), self._trusted)
        presented = _presented(authorization)
        digest = sha256(presented).digest()
        if digest not in self._tokens:
            # What is remembered was well-formed when it was looked up: the form needs no second look.
            if digest in self._unknown:
                if time.monotonic() - self._store.looked_at < _REFUSED_UNSEEN_SECONDS:
                    await self._refuse_guess(send, address, agent)
                    return
            elif not is_well_formed(presented.decode("latin-1")):
                await self._refuse_guess(send, address, agent)
                return
        try:
            # Every change committed before this request arrived is applied before anything is believed.
            if self._instant:
                self._store.check_now()
            else:
                await self._store.check()
            record = self._tokens.get(digest)
            if record is None:
                record = None if digest in self._unknown else await self._fresh.token(digest)
                if record is None:
                    await self._refuse_guess(send, address, agent)
                    return
            now = time.time()
            refusal = verify(record, digest=digest, now=now, address=address)
            if refusal is Refusal.POLICY and may_have_changed(stopped_by_policy(record, now)):
                record = await self._fresh.token_again(digest)
                refusal = verify(record, digest=digest, now=now, address=address)
            if record is None or refusal is not None:
                await self._refuse(send, refusal or Refusal.UNKNOWN, record, address, agent)
                return
            answer = self._answers.get((kind, identity))
            if answer is None:
                if kind == _REACH:
                    await self._reach(_without_body(send) if method == "HEAD" else send, record, now, address, agent)
                    return
                answer = await self._fill(record, kind, identity)
            elif not may_read(record, workspace_id=answer.workspace_id, is_team=answer.is_team):
                answer = None
        except Unavailable:
            await _reply(send, 503, _UNAVAILABLE, [_NO_STORE, (b"retry-after", b"1")])
            return
        self._recorder.used(record.id, now, address, agent)
        if record.expires_at is not None and record.expires_at - now < _WARN_SECONDS:
            send = _with_header(send, (b"hopkey-token-expires", _moment(record.expires_at)))
        if answer is None:
            await send(_NOT_FOUND_MESSAGES[0])
            await send(_NOT_FOUND_MESSAGES[1])
        elif match or encodings or method == "HEAD":
            await _serve(send, answer, encodings, match, head=method == "HEAD")
        else:
            start, body = answer.plain
            await send(start)
            await send(body)

    async def _reach(self, send: Send, record: TokenRecord, now: float, address: str, agent: bytes) -> None:
        """What the token may read now. Never cached: it is asked for by people, not by pipelines."""
        body = await self._store.reach(record)
        if body is None:  # deleted since it was looked up
            await self._refuse(send, Refusal.UNKNOWN, record, address, agent)
            return
        self._recorder.used(record.id, now, address, agent)
        await _reply(send, 200, body, [_NO_STORE])

    async def _fill(self, record: TokenRecord, kind: str, identity: str) -> Answer | None:
        def allowed(workspace_id: str, is_team: bool) -> bool:
            return may_read(record, workspace_id=workspace_id, is_team=is_team)

        return await self._fresh.answer(kind, identity, allowed) if _ID.fullmatch(identity) else None

    async def _refuse(
        self, send: Send, refusal: Refusal, record: TokenRecord | None, address: str, agent: bytes
    ) -> None:
        if record is None or refusal is Refusal.UNKNOWN:
            await self._refuse_guess(send, address, agent)
            return
        over = stopped_by_policy(record, time.time()) if refusal is Refusal.POLICY else None
        self._recorder.refused(record.public_id, f"policy: {over}" if over else refusal.value, address, agent)
        start, body = _EXPIRED_MESSAGES if refusal is Refusal.EXPIRED else _INVALID_MESSAGES
        if over is not None:
            start, body = _POLICY_MESSAGES[over]
        await send(start)
        await send(body)

    async def _refuse_guess(self, send: Send, address: str, agent: bytes) -> None:
        """Unknown, malformed and deleted look alike, byte for byte, whether they are too many or not."""
        self._recorder.refused("", "unknown", address, agent)
        if self._limiter.limit:
            wait = self._limiter.failed(limit_key(address), time.monotonic())
            if wait:
                retry = (b"retry-after", str(int(wait + 0.999)).encode())
                await _reply(send, 429, _TOO_MANY, [_NO_STORE, retry])
                return
        await send(_INVALID_MESSAGES[0])
        await send(_INVALID_MESSAGES[1])


def _fields(headers: Headers) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Authorization, X-Forwarded-For, User-Agent, Accept-Encoding and If-None-Match; empty where there is none."""
    authorization = forwarded = agent = encodings = match = b""
    for name, value in headers:
        if name == b"authorization":
            # Two of them are no credentials (RFC 9110, 11.6.2): which one counts is not for us to guess.
            authorization = b"," if authorization else value
        elif name == b"user-agent":
            agent = value
        elif name == b"accept-encoding":
            encodings = encodings + b"," + value if encodings else value
        elif name == b"if-none-match":
            match = match + b"," + value if match else value
        elif name == b"x-forwarded-for":
            forwarded = forwarded + b"," + value if forwarded else value
    return authorization, forwarded, agent, encodings, match


def _presented(authorization: bytes) -> bytes:
    """The token of an ``Authorization`` header; empty without one."""
    if len(authorization) > _MAX_AUTHORIZATION:
        return b""
    if authorization[:7] == b"Bearer ":  # what everybody sends: the same as below, without detours
        return authorization[7:].strip(b" ")
    return (bearer_token(authorization.decode("latin-1")) or "").encode("latin-1")


async def _serve(send: Send, answer: Answer, encodings: bytes, match: bytes, *, head: bool) -> None:
    if match and _matches(match, answer.etag):
        headers = [item for item in answer.plain[0]["headers"] if item[0] in (b"etag", b"cache-control", b"vary")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    start, body = answer.packed if answer.packed is not None and _accepts_gzip(encodings) else answer.plain
    await send(start)
    await send({"type": "http.response.body", "body": b""} if head else body)


def _with_header(send: Send, header: tuple[bytes, bytes]) -> Send:
    """`send`, with one header more. The messages themselves are shared, and stay as they are."""

    async def adding(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], header]}
        await send(message)

    return adding


def _without_body(send: Send) -> Send:
    """`send`, for the answer to a HEAD."""

    async def headless(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return headless


def _matches(match: bytes, etag: bytes) -> bool:
    """Whether ``If-None-Match`` names this entity tag, by the weak comparison (RFC 9110, 13.1.2)."""
    if match.strip() == b"*":
        return True
    wanted = etag.removeprefix(b"W/")
    return any(item.strip().removeprefix(b"W/") == wanted for item in match.split(b","))


def _moment(seconds: float) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)).encode("ascii")


async def _reply(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status, "headers": [_JSON, length, _NOSNIFF, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _accepts_gzip(encodings: bytes) -> bool:
    """Whether gzip is wanted (RFC 9110, 12.5.3); ``*`` stands for what is not named."""
    found = False
    for item in encodings.lower().split(b","):
        name, _, weight = item.partition(b";")
        name = name.strip()
        if name in (b"gzip", b"x-gzip", b"*"):
            wanted = weight.replace(b" ", b"").replace(b"\t", b"") not in (
                b"q=0",
                b"q=0.",
                b"q=0.0",
                b"q=0.00",
                b"q=0.000",
            )
            if name != b"*":
                return wanted
            found = wanted
    return found
