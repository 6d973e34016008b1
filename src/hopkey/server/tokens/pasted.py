"""What people paste into a search box when they have found a token somewhere: nothing of it is kept."""

from __future__ import annotations

from hopkey.server.tokens.format import PREFIX, PUBLIC_LENGTH, is_well_formed, token_digest
from hopkey.server.tokens.models import Token

_SHOWN = len(PREFIX) + PUBLIC_LENGTH


def secret_removed(text: str) -> str:
    """`text` as it may stand in addresses, logs and the audit trail: of a token, begun, mistyped or whole, what names
    it (``hkp_`` and its public id); of an imported one, which has nothing of that kind, nothing.
    """
    if text.startswith(PREFIX) and text[len(PREFIX) : _SHOWN].isalnum():
        return text[:_SHOWN]
    return "" if is_well_formed(text) else text


def public_id_in(text: str) -> str:
    """The public id of the token that `text` is or begins with; `text` itself if it is something else.

    An imported token is looked up by its digest; empty if there is none.
    """
    if not text.startswith(PREFIX) and is_well_formed(text):
        found = Token.objects.filter(digest=token_digest(text)).values_list("public_id", flat=True).first()
        return found or ""
    shown = secret_removed(text)
    return shown[len(PREFIX) :] if len(shown) == _SHOWN and shown.startswith(PREFIX) and shown.isascii() else shown
