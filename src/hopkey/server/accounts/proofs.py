"""With what somebody who is signed in can prove again who they are."""

from __future__ import annotations

from dataclasses import dataclass

from hopkey.server.accounts.factors import factors_of
from hopkey.server.accounts.models import OidcIdentity, User
from hopkey.server.config import current
from hopkey.server.mail.settings import is_set_up


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the page that asks may offer to an account."""

    password: bool
    code: bool
    passkey: bool
    mail: bool
    oidc: bool

    @property
    def any(self) -> bool:
        return self.password or self.code or self.passkey or self.mail or self.oidc


def proofs_of(user: User) -> Proofs:
    factors = factors_of(user)
    issuer = current().oidc_issuer
    return Proofs(
        password=current().password_sign_in and user.has_usable_password(),
        code=factors.totp is not None,
        passkey=bool(factors.passkeys),
        mail=is_set_up() and user.email_proven_at is not None,
        oidc=bool(issuer) and OidcIdentity.objects.filter(user=user, issuer=issuer).exists(),
    )
