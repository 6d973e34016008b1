"""With what somebody who is signed in can prove again who they are."""

from __future__ import annotations

from dataclasses import dataclass

from hopkey.server.accounts.models import User


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the page that asks may offer to an account."""

    password: bool

    @property
    def any(self) -> bool:
        return self.password


def proofs_of(user: User) -> Proofs:
    return Proofs(password=user.has_usable_password())
