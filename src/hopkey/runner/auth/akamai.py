"""Akamai EdgeGrid: https://techdocs.akamai.com/developer/docs/authenticate-with-edgegrid"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit

from hopkey.runner.auth.draft import AuthError, Draft

MAX_BODY = 131_072


def sign(
    draft: Draft,
    *,
    access_token: str,
    client_token: str,
    client_secret: str,
    nonce: str = "",
    timestamp: str = "",
    headers_to_sign: str = "",
    max_body: int = MAX_BODY,
) -> None:
    """Add the ``Authorization: EG1-HMAC-SHA256`` header. `headers_to_sign`: names, by comma. Raises `AuthError`."""
    if not access_token or not client_token or not client_secret:
        raise AuthError("Akamai EdgeGrid: access token, client token and client secret are needed")
    stamp = timestamp or datetime.now(UTC).strftime("%Y%m%dT%H:%M:%S+0000")
    start = (
        f"EG1-HMAC-SHA256 client_token={client_token};access_token={access_token};"
        f"timestamp={stamp};nonce={nonce or uuid.uuid4()};"
    )
    content = ""
    if draft.method == "POST" and draft.body:
        content = base64.b64encode(hashlib.sha256(draft.body[:max_body]).digest()).decode("ascii")
    names = [name.strip() for name in headers_to_sign.split(",") if name.strip()]
    signed = "\t".join(f"{name.lower()}:{' '.join(draft.header(name).split())}" for name in names if draft.header(name))
    scheme = urlsplit(draft.url).scheme
    data = "\t".join((draft.method, scheme, draft.host, draft.target, signed, content, start))
    key = _base64_mac(client_secret, stamp)
    draft.set("Authorization", f"{start}signature={_base64_mac(key, data)}")


def _base64_mac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256")).decode("ascii")
