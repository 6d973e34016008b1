"""What an authenticator app shows (RFC 6238), written apart from what the server uses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time


def totp(secret: str, *, steps: int = 0) -> str:
    """The six digits of now, or of some steps of 30 seconds from now. Not just before they change."""
    left = 30 - time.time() % 30
    if left < 6:
        time.sleep(left + 0.1)
    counter = int(time.time()) // 30 + steps
    digest = hmac.new(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 15
    return str((int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF) % 10**6).zfill(6)
