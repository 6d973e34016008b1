"""Reading collections and environments from a server with a personal access token.

Speaks the protocol of the official server (docs/api.md, "The gate"): the same client reads from Hopkey, from
Hoppscotch cloud and from a self-hosted Hoppscotch.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
import urllib3

import hopkey
from hopkey.formats.errors import FormatError
from hopkey.formats.model import Collection, Environment
from hopkey.formats.wire import collection_from_wire, environment_from_wire
from hopkey.runner.connecting import LATE
from hopkey.runner.proxied import failure
from hopkey.runner.transport import CHUNK

CLOUD = "https://api.hoppscotch.io"
MAX_ANSWER = 256 * 1024 * 1024
MAX_WAIT = 60.0
_TRIES = 3
_NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ServerError(Exception):
    """The server gave no usable answer. ``code`` is the official error code; the token never stands in the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Server:
    """A server and the token to read from it.

    `address` as people type it, with or without a trailing slash or ``/v1``. Raises `ServerError`
    (``INVALID_SERVER_URL``, ``TOKEN_INVALID``) for what cannot be an address or a token. `timeout` bounds each wait
    for the server, `whole` the time until an answer has come, both in seconds.
    """

    def __init__(self, address: str | None, token: str, *, timeout: float = 60.0, whole: float = 300.0) -> None:
        self._base = _base(address, token)
        self._token = token
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ServerError("TOKEN_INVALID", "The token holds characters that no token has: copy it again.")
        self._pool = urllib3.PoolManager(timeout=timeout)
        self._whole = whole
        self.expires: datetime | None = None
        """When the token ends, once the server has said so: it does where that is near."""

    def __repr__(self) -> str:
        return f"Server({self._base!r})"

    def collection(self, collection_id: str) -> Collection:
        """The collection or folder with this id. Raises `ServerError`."""
        try:
            return collection_from_wire(self._get("collection", collection_id))
        except FormatError as error:
            raise ServerError(
                "MALFORMED_COLLECTION", f"The server sent a collection that cannot be read: {error}"
            ) from None

    def environment(self, environment_id: str) -> Environment:
        """The environment with this id. Raises `ServerError`."""
        try:
            return environment_from_wire(self._get("environment", environment_id))
        except FormatError as error:
            raise ServerError(
                "MALFORMED_ENV_FILE", f"The server sent an environment that cannot be read: {error}"
            ) from None

    def reach(self) -> Reach:
        """The token and what it may read now. Raises `ServerError`; the official server has nothing of the kind."""
        data = self._answer(f"{self._base}/v1/access-tokens/reach", "list", "")
        try:
            return msgspec.convert(data, Reach)
        except msgspec.ValidationError as error:
            raise ServerError("INVALID_SERVER_URL", f"{self._base} sent a list that cannot be read: {error}") from None

    def _get(self, kind: str, identity: str) -> Any:
        if not _ID.fullmatch(identity):
            raise ServerError("INVALID_ID", f"{identity!r} is neither a file nor the id of a {kind}.")
        return self._answer(f"{self._base}/v1/access-tokens/{kind}/{quote(identity, safe='')}", kind, identity)

    def _answer(self, url: str, kind: str, identity: str) -> Any:
        for attempt in range(_TRIES):
            status, headers, body = self._request(url)
            if status != 429 or attempt == _TRIES - 1:
                break
            time.sleep(_retry_after(headers))
        self.expires = _expires(headers) or self.expires
        if status == 200:
            return _decoded(body, self._base)
        if kind == "list" and status in (400, 404, 405) and _reason(body) in ("", "INVALID_ID"):
            raise ServerError(
                "INVALID_SERVER_URL",
                f"{self._base} cannot list what a token reaches (Hoppscotch's own servers cannot): name things by id.",
            )
        raise self._refused(status, body, kind, identity)

    def _request(self, url: str) -> tuple[int, Any, bytes]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"hopkey/{hopkey.__version__}",
        }
        body = bytearray()
        end = time.monotonic() + self._whole
        try:
            # No redirects: a token is sent to the server that was named and nowhere else.
            response = self._pool.request(
                "GET", url, headers=headers, redirect=False, retries=False, preload_content=False
            )
            try:
                while len(body) <= MAX_ANSWER and (piece := response.read1(CHUNK, decode_content=True)):
                    body += piece
                    if time.monotonic() > end:  # a byte now and then never lets a wait run out
                        raise TimeoutError(LATE)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            message = str(failure(error)) if isinstance(error, urllib3.exceptions.HTTPError) else str(error)
            code = "SERVER_CONNECTION_REFUSED" if "refused" in message else "INVALID_SERVER_URL"
            raise ServerError(code, f"No answer from {self._base}: {message}.") from None
        if len(body) > MAX_ANSWER:
            raise ServerError("INVALID_SERVER_URL", f"{self._base} sent more than {MAX_ANSWER >> 20} MB.")
        return response.status, response.headers, bytes(body)

    def _refused(self, status: int, body: bytes, kind: str, identity: str) -> ServerError:
        reason = _reason(body)
        if reason == "TOKEN_EXPIRED":
            return ServerError("TOKEN_EXPIRED", "This token has expired: generate a new one on your profile page.")
        if reason == "TOKEN_INVALID":
            return ServerError(
                "TOKEN_INVALID",
                f"{self._base} does not accept this token: it may be mistyped, deleted, or of another server.",
            )
        if reason == "INVALID_ID":
            return ServerError(
                "INVALID_ID",
                f"There is no {kind} {identity!r} that this token reaches. Tokens never reach personal workspaces.",
            )
        if status == 429:
            return ServerError("INVALID_SERVER_URL", f"{self._base} answered 429, too many requests: try again later.")
        if 300 <= status < 400:
            return ServerError(
                "INVALID_SERVER_URL", f"{self._base} answered with a redirect ({status}): give the address it leads to."
            )
        if status >= 500:
            return ServerError("INVALID_SERVER_URL", f"{self._base} answered {status}: it is not able to answer now.")
        return ServerError(
            "INVALID_SERVER_URL",
            f"{self._base} answered {status}: it does not look like a Hopkey or Hoppscotch server.",
        )


class Named(msgspec.Struct, frozen=True):
    """A collection or an environment on the server."""

    id: str
    name: str


class Workspace(msgspec.Struct, frozen=True):
    """A team workspace that the token reaches. ``role`` is that of the token's owner."""

    id: str
    name: str
    role: str
    collections: tuple[Named, ...]
    environments: tuple[Named, ...]


class TokenInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A token, without the token itself. ``expires_on`` None: never."""

    id: str
    label: str
    created_on: _Moment
    expires_on: _Moment | None


class Owner(msgspec.Struct, frozen=True):
    """Whose token it is."""

    name: str
    email: str


class Reach(msgspec.Struct, frozen=True):
    """What ``/v1/access-tokens/reach`` answers (docs/api.md)."""

    token: TokenInfo
    owner: Owner
    workspaces: tuple[Workspace, ...]


def _expires(headers: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(headers.get("Hopkey-Token-Expires", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _base(address: str | None, token: str) -> str:
    if not address:
        if token.startswith("pat-"):
            return CLOUD
        raise ServerError(
            "INVALID_SERVER_URL",
            "Say which server to read from: --server https://hopkey.example.com, or HOPKEY_SERVER.",
        )
    text = address.strip()
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ServerError(
            "INVALID_SERVER_URL",
            f"{text!r} is no server address: it needs http:// or https://, as in https://hopkey.example.com.",
        )
    return text.split("?")[0].split("#")[0].rstrip("/").removesuffix("/v1").rstrip("/")


def _reason(body: bytes) -> str:
    try:
        data = msgspec.json.decode(body)
    except _NOT_JSON:
        return ""
    return str(data.get("reason", "")) if isinstance(data, dict) else ""


def _decoded(body: bytes, base: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except _NOT_JSON:
        raise ServerError(
            "INVALID_SERVER_URL",
            f"{base} did not answer with JSON: it does not look like a Hopkey or Hoppscotch server.",
        ) from None


def _retry_after(headers: Any) -> float:
    """Seconds to wait before the next try: what the server asks for, a minute at most."""
    try:
        seconds = float(headers.get("Retry-After", "1"))
    except ValueError:
        return 1.0
    return min(seconds, MAX_WAIT) if seconds >= 0 else 0.0  # also for what is no number at all
