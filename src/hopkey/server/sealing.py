"""Keeping secrets in the database that must be read again: encrypted under a key derived from the server's.

AES-256-GCM with a random nonce; the key by HKDF-SHA256 (RFC 5869) from the secret key and the purpose. What is sealed
is bound to its purpose and its place: moved elsewhere it does not open.
"""

from __future__ import annotations

import functools
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12


class SealBroken(Exception):
    """What is stored was sealed under another key, for another place, or was changed."""


def seal(data: bytes, *, purpose: str, place: str) -> bytes:
    """`data` as it may be stored. ``purpose``: what kind of secret; ``place``: which one, such as its row's id."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher(purpose, settings.SECRET_KEY).encrypt(nonce, data, place.encode())


def unseal(sealed: bytes | memoryview[int], *, purpose: str, place: str) -> bytes:
    """Raises `SealBroken`."""
    data = bytes(sealed)
    try:
        return _cipher(purpose, settings.SECRET_KEY).decrypt(data[:_NONCE], data[_NONCE:], place.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(f"The stored {purpose} cannot be opened with this server's secret key.") from None


@functools.lru_cache(maxsize=32)
def _cipher(purpose: str, key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"hopkey sealing {purpose}".encode())
    return AESGCM(derived.derive(key.encode()))
