"""Answering a server that refuses a request with 401: digest authorization, and OAuth 2 tokens that have ended."""

from __future__ import annotations

import msgspec

from hopkey.formats.model import Json
from hopkey.runner.auth import digest, oauth2
from hopkey.runner.auth.draft import AuthError, Draft
from hopkey.runner.building import BuildError, Outgoing
from hopkey.runner.results import Answer


def wants_new_token(auth: Json) -> bool:
    """Whether a fresh OAuth 2 token could help."""
    return _kind(auth) == "oauth-2" and oauth2.can_fetch(auth.get("grantTypeInfo") or {})


def digest_answer(outgoing: Outgoing, answer: Answer) -> Outgoing | None:
    """The request once more, with what the server asked for; None where it did not ask. Raises `BuildError`."""
    auth = outgoing.auth
    if _kind(auth) != "digest" or auth.get("disableRetry"):
        return None
    challenge = digest.challenge_read(dict(answer.headers).get("www-authenticate", ""))
    if challenge is None:
        return None
    try:
        value = digest.authorization(
            challenge,
            username=str(auth.get("username") or ""),
            password=str(auth.get("password") or ""),
            method=outgoing.method,
            target=Draft(outgoing.method, answer.url or outgoing.url).target,
            body=outgoing.body or b"",
        )
    except AuthError as error:
        raise BuildError(str(error)) from None
    kept = tuple(pair for pair in outgoing.headers if pair[0].lower() != "authorization")
    return msgspec.structs.replace(outgoing, headers=(*kept, ("Authorization", value)))


def _kind(auth: Json) -> str | None:
    return auth.get("authType") if auth.get("authActive", True) else None
