"""AWS Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from hopkey.runner.auth.draft import AuthError, Draft

_UNSIGNED = frozenset(["authorization", "connection", "content-length", "expect", "transfer-encoding", "user-agent"])


def sign(
    draft: Draft,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    service: str,
    session_token: str = "",
    in_query: bool = False,
    now: datetime | None = None,
) -> None:
    """Sign `draft` in its headers, or in its query (a pre-signed address). Raises `AuthError`."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    region, service = region or "us-east-1", service or _service_of(draft.host)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    payload = hashlib.sha256(draft.body or b"").hexdigest()
    if service == "s3":
        # As in the official runner, unless the request names the hash itself.
        payload = "" if in_query else draft.header("x-amz-content-sha256")
        payload = payload or "UNSIGNED-PAYLOAD"
    headers = {name: value for name, (_, value) in draft.headers.items() if name not in _UNSIGNED}
    headers["host"] = draft.host
    if not in_query:
        headers["x-amz-date"] = stamp
        if service == "s3":
            headers["x-amz-content-sha256"] = payload
        if session_token:
            headers["x-amz-security-token"] = session_token
    names = ";".join(sorted(headers))
    if in_query:
        values = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-SignedHeaders": names,
        }
        if "X-Amz-Expires=" not in draft.url:
            values["X-Amz-Expires"] = "86400"
        if session_token:
            values["X-Amz-Security-Token"] = session_token
        draft.add_query("&".join(f"{key}={_encode(value)}" for key, value in values.items()))
    signature = _signature(secret_key, scope, stamp, _canonical(draft, headers, names, payload, double=service != "s3"))
    if in_query:
        draft.add_query(f"X-Amz-Signature={signature}")
        return
    for name, written in (
        ("x-amz-date", "X-Amz-Date"),
        ("x-amz-content-sha256", "X-Amz-Content-Sha256"),
        ("x-amz-security-token", "X-Amz-Security-Token"),
    ):
        if name in headers:
            draft.headers[name] = (written, headers[name])
    value = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    draft.set("Authorization", value)


def _canonical(draft: Draft, headers: dict[str, str], names: str, payload: str, *, double: bool) -> str:
    parts = urlsplit(draft.url)
    path = quote(unquote(parts.path or "/"), safe="/-_.~")
    if double:
        path = quote(path, safe="/-_.~")
    query = sorted((_encode(key), _encode(value)) for key, value in parse_qsl(parts.query, keep_blank_values=True))
    lines = [
        draft.method,
        path,
        "&".join(f"{key}={value}" for key, value in query),
        *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)),
        "",
        names,
        payload,
    ]
    return "\n".join(lines)


def _signature(secret: str, scope: str, stamp: str, canonical: str) -> str:
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _service_of(host: str) -> str:
    """The service that a host name of AWS belongs to: ``s3.eu-west-1.amazonaws.com`` is ``s3``."""
    name = host.split(":")[0]
    if not name.endswith(".amazonaws.com"):
        raise AuthError("AWS signature: the service name is needed, such as execute-api or s3")
    return name.removesuffix(".amazonaws.com").split(".")[0]
