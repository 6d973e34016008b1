"""Signatures as Standard Webhooks 1.0 has them. Pure.

``v1`` is HMAC-SHA256 over ``id.timestamp.body``, in Base64; the secret is ``whsec_`` and the key in Base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
KEY_BYTES = 32


def secret_new() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Raises `ValueError` for what is no secret."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is no Base64") from None


def signature(*, secret: str, key: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``. `key`: the ``webhook-id``; `timestamp`: seconds since the epoch."""
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
