"""Digest access authentication: RFC 7616, with what RFC 2617 and RFC 2069 allow."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from hopkey.runner.auth.draft import AuthError

_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for in ``WWW-Authenticate: Digest``. ``qop`` holds the choices, empty for RFC 2069."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    userhash: bool = False


def challenge_read(header: str) -> Challenge | None:
    """The strongest digest challenge in the header's value that can be answered; None where there is none."""
    found: list[Challenge] = []
    for part in re.split(r"(?:^|,\s*)(?=Digest\s)", header, flags=re.IGNORECASE):
        if not part.lower().startswith("digest "):
            continue
        values = {
            name.lower(): quoted.replace('\\"', '"') if quoted else plain
            for name, quoted, plain in _PARAMETER.findall(part[7:])
        }
        algorithm = values.get("algorithm", "MD5").upper()
        if algorithm.removesuffix("-SESS") not in _HASHES or "nonce" not in values:
            continue
        found.append(
            Challenge(
                realm=values.get("realm", ""),
                nonce=values["nonce"],
                algorithm=algorithm,
                qop=tuple(item.strip().lower() for item in values.get("qop", "").split(",") if item.strip()),
                opaque=values.get("opaque"),
                userhash=values.get("userhash", "").lower() == "true",
            )
        )
    order = ("SHA-256", "SHA-512-256", "MD5")
    return min(found, key=lambda item: order.index(item.algorithm.removesuffix("-SESS")), default=None)


def authorization(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    target: str,
    body: bytes = b"",
    count: int = 1,
    client_nonce: str = "",
) -> str:
    """The value of ``Authorization`` that answers `challenge`. `target` is path and query. Raises `AuthError`."""
    name = challenge.algorithm.upper()
    digest = _HASHES.get(name.removesuffix("-SESS"))
    if digest is None:
        raise AuthError(f"digest authorization: the algorithm {challenge.algorithm!r} is not known")

    def hashed(*parts: str | bytes) -> str:
        joined = b":".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        return hashlib.new(digest, joined, usedforsecurity=False).hexdigest()

    nonce, client = challenge.nonce, client_nonce or os.urandom(16).hex()
    qop = "auth" if "auth" in challenge.qop else "auth-int" if "auth-int" in challenge.qop else ""
    if challenge.qop and not qop:
        raise AuthError(f"digest authorization: quality of protection {', '.join(challenge.qop)!r} is not known")
    secret = hashed(username, challenge.realm, password)
    if name.endswith("-SESS"):
        secret = hashed(secret, nonce, client)
    action = hashed(method, target, hashed(body)) if qop == "auth-int" else hashed(method, target)
    number = f"{count:08x}"
    response = hashed(secret, nonce, number, client, qop, action) if qop else hashed(secret, nonce, action)
    user = hashed(username, challenge.realm) if challenge.userhash else username
    fields = [
        f'username="{_escaped(user)}"',
        f'realm="{_escaped(challenge.realm)}"',
        f'nonce="{_escaped(nonce)}"',
        f'uri="{target}"',
        f"algorithm={challenge.algorithm}",
        f'response="{response}"',
    ]
    if qop:
        fields += [f"qop={qop}", f"nc={number}", f'cnonce="{client}"']
    if challenge.opaque is not None:
        fields.append(f'opaque="{_escaped(challenge.opaque)}"')
    if challenge.userhash:
        fields.append("userhash=true")
    return "Digest " + ", ".join(fields)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
