"""Hawk authentication, version 1: https://github.com/mozilla/hawk/blob/main/API.md"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from hopkey.runner.auth.draft import AuthError, Draft

_HASHES = {"sha256": "sha256", "sha1": "sha1"}


def sign(
    draft: Draft,
    *,
    key_id: str,
    key: str,
    algorithm: str = "sha256",
    ext: str = "",
    app: str = "",
    dlg: str = "",
    nonce: str = "",
    timestamp: str = "",
    with_payload: bool = False,
) -> None:
    """Add the ``Authorization: Hawk`` header. Raises `AuthError`."""
    digest = _HASHES.get(algorithm.lower() or "sha256")
    if digest is None:
        raise AuthError(f"hawk authorization: the algorithm {algorithm!r} is not known; it is sha256 or sha1")
    if not key_id or not key:
        raise AuthError("hawk authorization: id and key are needed")
    stamp = timestamp or str(int(time.time()))
    nonce = nonce or secrets.token_urlsafe(6)
    payload = _payload_hash(draft, digest) if with_payload else ""
    host = draft.host.rpartition(":")[0] if ":" in draft.host.rpartition("]")[2] else draft.host
    lines = [
        "hawk.1.header",
        stamp,
        nonce,
        draft.method,
        draft.target,
        host.lower(),
        str(draft.port),
        payload,
        ext.replace("\\", "\\\\").replace("\n", "\\n"),
    ]
    if app:
        lines += [app, dlg]
    mac = hmac.digest(key.encode(), ("\n".join(lines) + "\n").encode(), digest)
    fields = {"id": key_id, "ts": stamp, "nonce": nonce, "hash": payload, "ext": ext}
    fields |= {"mac": base64.b64encode(mac).decode("ascii"), "app": app, "dlg": dlg if app else ""}
    value = ", ".join(f'{name}="{_escaped(text)}"' for name, text in fields.items() if text)
    draft.set("Authorization", f"Hawk {value}")


def _payload_hash(draft: Draft, digest: str) -> str:
    kind = draft.header("content-type").split(";")[0].strip().lower()
    text = b"hawk.1.payload\n" + kind.encode() + b"\n" + (draft.body or b"") + b"\n"
    return base64.b64encode(hashlib.new(digest, text).digest()).decode("ascii")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
