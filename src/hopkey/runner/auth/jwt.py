"""JSON Web Tokens made for a request: RFC 7515 and RFC 7519, signed by PyJWT."""

from __future__ import annotations

import base64
import binascii
import json
import warnings
from typing import Any

from hopkey.runner.auth.draft import AuthError

ALGORITHMS = frozenset(f"{family}{size}" for family in ("HS", "RS", "PS", "ES") for size in (256, 384, 512))


def encode(
    *,
    algorithm: str,
    payload: str,
    headers: str = "",
    secret: str = "",
    secret_is_base64: bool = False,
    private_key: str = "",
) -> str:
    """The signed token. `payload` and `headers` are JSON objects as text; `private_key` is PEM. Raises `AuthError`."""
    if algorithm not in ALGORITHMS:
        raise AuthError(f"JWT: the algorithm {algorithm!r} is not known; it is one of {', '.join(sorted(ALGORITHMS))}")
    claims = _object(payload, "payload")
    extra = _object(headers, "headers")
    key: str | bytes = private_key
    if algorithm.startswith("HS"):
        key = _decoded(secret) if secret_is_base64 else secret.encode()
    if not key:
        raise AuthError(f"JWT: {algorithm} needs a {'secret' if algorithm.startswith('HS') else 'private key (PEM)'}")
    # Imported here: it brings the library of keys, which most runs do without.
    import jwt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short secret is the choice of whoever wrote the collection
        try:
            body = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
            return jwt.api_jws.encode(body, key, algorithm=algorithm, headers={"typ": None, **extra})
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise AuthError(f"JWT: {error}") from None


def _object(text: str, what: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise AuthError(f"JWT: the {what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise AuthError(f"JWT: the {what} must be a JSON object")
    return value


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.replace("-", "+").replace("_", "/") + "=" * (-len(secret) % 4))
    except (binascii.Error, ValueError):
        raise AuthError("JWT: the secret is not valid base64") from None
