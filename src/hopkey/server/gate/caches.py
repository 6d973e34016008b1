"""What a serving process remembers: verified tokens and ready-made answers, bounded, and evicted by changes."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hopkey.server.gate.head import Change
from hopkey.server.tokens.verify import TokenRecord

MAX_TOKENS = 20_000
MAX_UNKNOWN = 20_000
_GZIP_FROM = 1024


Messages = tuple[dict[str, Any], dict[str, Any]]
"""The two ASGI messages of an answer, made once: nobody changes them."""

_HEADERS = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"authorization, accept-encoding"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A resource as bytes, with what access to it depends on. ``root`` is the key its changes carry."""

    kind: str
    root: str
    workspace_id: str
    is_team: bool
    body: bytes = field(repr=False)
    compressed: bytes | None = field(repr=False)
    etag: bytes
    plain: Messages = field(repr=False)
    packed: Messages | None = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.body) + len(self.compressed or b"")


def answer_make(kind: str, root: str, workspace_id: str, is_team: bool, body: bytes) -> Answer:
    """The answer with its compressed form and its entity tag (weak: both forms share it, RFC 9110, 8.8.1)."""
    compressed = gzip.compress(body, 6, mtime=0) if len(body) >= _GZIP_FROM else None
    etag = b'W/"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    tag = (b"etag", etag)
    plain = messages(200, body, [*_HEADERS, tag])
    packed = None
    if compressed is not None:
        packed = messages(200, compressed, [*_HEADERS, tag, (b"content-encoding", b"gzip")])
    return Answer(kind, root, workspace_id, is_team, body, compressed, etag, plain, packed)


def messages(status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> Messages:
    """The messages of a whole answer."""
    length = (b"content-length", str(len(body)).encode())
    return (
        {"type": "http.response.start", "status": status, "headers": [*headers, length]},
        {"type": "http.response.body", "body": body},
    )


class Caches:
    """Not for several threads: belongs to the event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self.tokens: OrderedDict[bytes, TokenRecord] = OrderedDict()
        self.unknown: OrderedDict[bytes, None] = OrderedDict()
        self.answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._by_token: dict[str, bytes] = {}
        self._by_owner: dict[str, set[bytes]] = {}
        self._by_root: dict[tuple[str, str], set[tuple[str, str]]] = {}

    def clear(self) -> None:
        for store in (self.tokens, self.unknown, self.answers, self._by_token, self._by_owner, self._by_root):
            store.clear()
        self._bytes = 0

    def apply(self, changes: Sequence[Change]) -> None:
        """Forget what these changes made stale."""
        self._forget_younger(changes)
        for change in changes:
            if change.kind == "token":
                self.unknown.clear()
                self._forget_token(self._by_token.get(change.key))
            elif change.kind == "user":
                for digest in tuple(self._by_owner.get(change.key, ())):
                    self._forget_token(digest)
            elif change.kind in ("collection", "environment"):
                for key in tuple(self._by_root.get((change.kind, change.key), ())):
                    self._forget_answer(key)
            elif change.kind == "workspace":
                # Which of them are teams is part of what is remembered of tokens.
                self._forget_tokens()
                for key in [key for key, answer in self.answers.items() if answer.workspace_id == change.key]:
                    self._forget_answer(key)
            elif change.kind == "policy":
                self._forget_tokens()
            else:
                # `EVERYTHING`, or a kind this version does not know: believe nothing.
                self.clear()

    def put_token(self, digest: bytes, record: TokenRecord | None) -> None:
        if record is None:
            self.unknown[digest] = None
            if len(self.unknown) > MAX_UNKNOWN:
                self.unknown.popitem(last=False)
            return
        self.tokens[digest] = record
        self._by_token[str(record.id)] = digest
        self._by_owner.setdefault(record.owner_id, set()).add(digest)
        if len(self.tokens) > MAX_TOKENS:
            self._forget_token(next(iter(self.tokens)))

    def drop_token(self, digest: bytes) -> None:
        """Read this token anew when it is next asked for."""
        self._forget_token(digest)

    def put_answer(self, key: tuple[str, str], answer: Answer) -> None:
        if answer.size > self._max_bytes // 2:
            return
        self._forget_answer(key)
        self.answers[key] = answer
        self._bytes += answer.size
        self._by_root.setdefault((answer.kind, answer.root), set()).add(key)
        while self._bytes > self._max_bytes:
            self._forget_answer(next(iter(self.answers)))

    def _forget_younger(self, changes: Sequence[Change]) -> None:
        """Where the policy counts tokens, whether one works depends on those that are older than it."""
        newest = next(reversed(self.tokens.values()), None)
        if newest is None or newest.policy.tokens_per_user is None:
            return  # one policy holds for all: a change of it drops every token
        oldest = min((int(change.key) for change in changes if _is_token(change)), default=None)
        if oldest is not None:
            for digest in [digest for digest, record in self.tokens.items() if record.id > oldest]:
                self._forget_token(digest)

    def _forget_tokens(self) -> None:
        for digest in tuple(self.tokens):
            self._forget_token(digest)

    def _forget_token(self, digest: bytes | None) -> None:
        record = self.tokens.pop(digest, None) if digest is not None else None
        if record is None or digest is None:
            return
        self._by_token.pop(str(record.id), None)
        owned = self._by_owner.get(record.owner_id)
        if owned is not None:
            owned.discard(digest)
            if not owned:
                del self._by_owner[record.owner_id]

    def _forget_answer(self, key: tuple[str, str]) -> None:
        answer = self.answers.pop(key, None)
        if answer is None:
            return
        self._bytes -= answer.size
        keys = self._by_root.get((answer.kind, answer.root))
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._by_root[(answer.kind, answer.root)]


def _is_token(change: Change) -> bool:
    return change.kind == "token" and change.key.isdigit()
