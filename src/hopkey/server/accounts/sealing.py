"""Secrets that have to be read again (those of authenticator apps) are encrypted in the database.

With a key derived from the secret key (HKDF-SHA256, RFC 5869), so that a copy of the database alone gives none away.
"""

from __future__ import annotations

import base64
import functools

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(text: str) -> str:
    """`text`, encrypted and authenticated (Fernet: AES-128-CBC, HMAC-SHA256)."""
    return _keys(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).encrypt(text.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """What was sealed, under the secret key or one that was in use before. Raises `InvalidToken` of cryptography."""
    return _keys(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).decrypt(sealed.encode("ascii")).decode()


@functools.lru_cache(maxsize=8)
def _keys(*secrets: str) -> MultiFernet:
    made = []
    for secret in secrets:
        key = HKDF(SHA256(), 32, salt=None, info=b"hopkey.accounts.sealing").derive(secret.encode())
        made.append(Fernet(base64.urlsafe_b64encode(key)))
    return MultiFernet(made)
