"""Signing in with an OpenID Connect provider: the code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207).

Here a browser is sent to the provider and what it brings back is verified. Whose account that is, is decided in
`hopkey.server.people.identities`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt
import urllib3

from hopkey.server.config import Config, ConfigError, current
from hopkey.server.errors import DomainError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a key of the provider's only: never ``none``, never a shared secret."""

STATE_SECONDS = 600
CACHE_SECONDS = 600
CLOCK_SECONDS = 60
CONFIRM_SECONDS = 300
"""How long ago a sign-in at the provider may be that confirms one here."""

_REFETCH_SECONDS = 30
_LIMIT = 512 * 1024
_log = logging.getLogger("hopkey.oidc")


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str
    basic: bool
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom the provider vouches for.

    ``issuer`` stands without a slash at its end; ``auth_time``: when the person proved it there (Unix seconds), if the
    provider says so.
    """

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str
    auth_time: float | None


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and what to keep until it comes back with this `state`."""

    url: str
    state: str
    kept: dict[str, Any]


class _Cache:
    """Documents of the provider, for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, dict[str, Any]]] = {}

    def get(self, url: str, *, younger_than: float = CACHE_SECONDS) -> dict[str, Any]:
        """Raises `DomainError` (``oidc_unavailable``)."""
        now = time.monotonic()
        with self._lock:
            found = self._values.get(url)
        if found is not None and now - found[0] < younger_than:
            return found[1]
        value = _fetch("GET", url)
        with self._lock:
            self._values[url] = (now, value)
        return value

    def clear(self) -> None:
        with self._lock:
            self._values.clear()


cache = _Cache()
_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=10), maxsize=4)


def start(*, callback: str, again: bool = False) -> Started:
    """Begin at the provider; with `again` it asks the person anew. Raises `DomainError` (``oidc_unavailable``)."""
    config, provider = current(), provider_get()
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": config.oidc_client_id,
        "redirect_uri": callback,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"prompt": "login", "max_age": "0"} if again else {}),
    }
    joiner = "&" if urlsplit(provider.authorization).query else "?"
    kept = {"nonce": nonce, "verifier": verifier, "callback": callback, "at": time.time()}
    return Started(provider.authorization + joiner + urlencode(query), state, kept)


def finish(*, kept: dict[str, Any], code: str, issuer: str) -> Claims:
    """Exchange the code the browser brought and verify what comes for it.

    `issuer` is the parameter ``iss`` of the answer, empty where there was none. Raises `DomainError`
    (``oidc_unavailable``, ``oidc_invalid``).
    """
    provider = provider_get()
    if (issuer or provider.names_itself) and issuer != provider.issuer:
        raise _invalid("the answer names another issuer")
    answer = _exchange(provider, code, kept)
    token, access = answer.get("id_token"), answer.get("access_token")
    if not isinstance(token, str):
        raise _invalid("there is no ID token")
    claims = _verify(provider, token, str(kept["nonce"]))
    if "email" not in claims and provider.userinfo and isinstance(access, str):
        more = _fetch("GET", provider.userinfo, headers={"Authorization": f"Bearer {access}"})
        if more.get("sub") != claims["sub"]:
            raise _invalid("the user information is somebody else's")
        claims = {**more, **claims}
    return _claims(provider, claims)


def provider_get() -> Provider:
    """The configured provider. Raises `DomainError` (``oidc_not_configured``, ``oidc_unavailable``)."""
    issuer = current().oidc_issuer
    if not issuer:
        raise DomainError("oidc_not_configured", "This server has no single sign-on.", status=404)
    found = cache.get(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise _unavailable("the discovery document names another issuer")
    try:
        authorization, token, keys = (
            str(found[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
    except KeyError:
        raise _unavailable("the discovery document lacks an address") from None
    userinfo = str(found.get("userinfo_endpoint", ""))
    scheme = urlsplit(issuer).scheme
    if any(urlsplit(url).scheme != scheme for url in (authorization, token, keys, userinfo) if url):
        raise _unavailable("the discovery document leads away from https")
    return Provider(
        issuer=str(found["issuer"]),
        authorization=authorization,
        token=token,
        keys=keys,
        userinfo=userinfo,
        basic="client_secret_basic" in found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def client_secret(config: Config) -> str:
    """Raises `ConfigError` for a file that cannot be read."""
    if config.oidc_client_secret or not config.oidc_client_secret_file:
        return config.oidc_client_secret
    try:
        return Path(config.oidc_client_secret_file).read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"HOPKEY_OIDC_CLIENT_SECRET_FILE cannot be read: {error.strerror}.") from None


def _exchange(provider: Provider, code: str, kept: dict[str, Any]) -> dict[str, Any]:
    config = current()
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": str(kept["callback"]),
        "code_verifier": str(kept["verifier"]),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    secret = client_secret(config)
    if secret and provider.basic:
        # RFC 6749, section 2.3.1: both parts are form-encoded first.
        pair = f"{quote_plus(config.oidc_client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        fields["client_id"] = config.oidc_client_id
        if secret:
            fields["client_secret"] = secret
    return _fetch("POST", provider.token, headers=headers, body=urlencode(fields).encode())


def _verify(provider: Provider, token: str, nonce: str) -> dict[str, Any]:
    """OpenID Connect Core 1.0, section 3.1.3.7."""
    client = current().oidc_client_id
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise _invalid("the ID token is not signed with a key of the provider's")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(provider, header),
            algorithms=[header["alg"]],
            audience=client,
            issuer=provider.issuer,
            leeway=CLOCK_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise _invalid(f"the ID token does not hold: {error}") from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client:
        raise _invalid("the ID token was made for somebody else")
    if claims.get("azp", client) != client:
        raise _invalid("the ID token was made for somebody else")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise _invalid("the ID token answers another question")
    return claims


def _key(provider: Provider, header: dict[str, Any]) -> Any:
    """The key that signed, by its id; keys are fetched again for an id that is new."""
    for younger_than in (CACHE_SECONDS, _REFETCH_SECONDS):
        listed = cache.get(provider.keys, younger_than=younger_than).get("keys")
        keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
        fit = [key for key in keys if key.get("use", "sig") == "sig" and key.get("alg", header["alg"]) == header["alg"]]
        found = [key for key in fit if header.get("kid") in (None, key.get("kid"))]
        if len(found) == 1:
            return jwt.PyJWK.from_dict(found[0], algorithm=header["alg"]).key
    raise _invalid("the ID token is signed with an unknown key")


def _claims(provider: Provider, claims: dict[str, Any]) -> Claims:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\0" in subject:
        raise _invalid("the subject is no text")
    email = claims.get("email")
    at = claims.get("auth_time")
    return Claims(
        provider.issuer.rstrip("/"),
        subject,
        email.strip()[:254] if isinstance(email, str) else "",
        # Some providers write the boolean as a text.
        claims.get("email_verified") is True or claims.get("email_verified") == "true",
        str(claims.get("name") or ""),
        float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None,
    )


def _fetch(
    method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
) -> dict[str, Any]:
    """A JSON object from the provider. Raises `DomainError` (``oidc_unavailable``, ``oidc_invalid``)."""
    try:
        answer = _http.request(
            method, url, headers=headers, body=body, redirect=False, preload_content=False, decode_content=True
        )
        try:
            data = answer.read(_LIMIT + 1)
        finally:
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise _unavailable(f"{urlsplit(url).netloc}: {type(error).__name__}") from None
    if answer.status >= 500 or answer.status in (404, 429):
        raise _unavailable(f"{urlsplit(url).path} answered {answer.status}")
    if answer.status != 200:
        raise _invalid(f"{urlsplit(url).path} answered {answer.status}")
    try:
        value = json.loads(data) if len(data) <= _LIMIT else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _unavailable(f"{urlsplit(url).path} did not answer with a JSON object")
    return value


def _unavailable(why: str) -> DomainError:
    _log.warning("the OpenID Connect provider cannot be used: %s", why)
    return DomainError(
        "oidc_unavailable",
        "The sign-in service does not answer as it should. Try again in a few minutes, or use another way.",
        status=503,
    )


def _invalid(why: str) -> DomainError:
    _log.warning("an answer of the OpenID Connect provider was refused: %s", why)
    return DomainError("oidc_invalid", "The sign-in service's answer was not accepted. Begin again.")
