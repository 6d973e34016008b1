"""Forms that count once: a second click or a reload must not make a second token."""

from __future__ import annotations

from django.core.cache import caches

_SECONDS = 86_400


def form_is_new(form: str, user_id: str, nonce: str) -> bool:
    """Whether this form, which carries a `nonce`, was not sent before.

    Kept apart from the counts of attempts: whoever sends forms without end must push none of those out.
    """
    return bool(nonce) and len(nonce) <= 64 and caches["forms"].add(f"{form}:{user_id}:{nonce}", 1, _SECONDS)
