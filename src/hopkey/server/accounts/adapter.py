"""django-allauth's view of this server: sign-up is closed, and addresses are those of the account."""

from __future__ import annotations

import base64
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import session_methods_set
from hopkey.server.accounts.signing_in import methods_of
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.sealing import seal, unseal

_PURPOSE = "second factor"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by the ways in `hopkey.server.accounts` only, and every session that begins is recorded here."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        """What is asked after the first proof: the second factor, where the account has one."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Signing in and out is visible by itself: no message on the next page."""

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Spellings that a database may take for one address share one limit on attempts."""
        email = str(credentials.get("email") or "").upper().lower()
        super().pre_authenticate(request, **{**credentials, "email": email})

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return redirect("sign_in")

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        methods = methods_of(request, user)
        session_methods_set(key=request.session.session_key or "", methods=methods)
        by = Actor(user.pk, user.email, request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", ""))
        record(Event.SIGNED_IN, by=by, kind="user", id=user.pk, label=user.email, detail={"with": methods})
        return cast("HttpResponse", super().post_login(request, user, **kwargs))


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), purpose=_PURPOSE, place="")).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text), purpose=_PURPOSE, place="").decode()
