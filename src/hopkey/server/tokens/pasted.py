"""What people paste into a search box when they have found a token somewhere: nothing of it is kept."""

from __future__ import annotations

from hopkey.server.tokens.format import IMPORTED_PREFIX, public_id_in, token_digest, token_in
from hopkey.server.tokens.models import Token


def subject_in(text: str) -> str:
    """As `public_id_in`, but an imported token, which does not hold its public id, is looked up by its digest."""
    token = token_in(text)
    if not token.startswith(IMPORTED_PREFIX):
        return public_id_in(text)
    found = Token.objects.filter(digest=token_digest(token)).values_list("public_id", flat=True).first()
    return found or ""
