"""The form of a token. Changing anything here revokes every token there is.

``hkp_`` + 12 base62 (public id) + ``_`` + 32 base62 (secret, 190 bits) + 6 base62: the CRC-32 of the ASCII bytes of
everything before it, most significant digit first, zero-padded. A double click selects it whole, secret scanners can
match it, and a typing error is refused before the database is asked. Automation tokens are built alike with ``hki_``.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

PREFIX = "hkp_"
"""Of personal access tokens, which read."""
AUTOMATION_PREFIX = "hki_"
"""Of automation tokens, which administer: of the same construction, and good for nothing that the others open."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PUBLIC_LENGTH = 12
SECRET_LENGTH = 32
CHECK_LENGTH = 6
LENGTH = len(PREFIX) + PUBLIC_LENGTH + 1 + SECRET_LENGTH + CHECK_LENGTH

IMPORTED_PREFIX = "pat-"
"""Tokens brought along from Hoppscotch: ``pat-`` and a UUID. They carry no checksum."""

_AFTER_PREFIX = re.compile(rf"[0-9A-Za-z]{{{PUBLIC_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}")
_IMPORTED_FORM = re.compile(r"pat-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WITHIN = re.compile(f"{PREFIX}{_AFTER_PREFIX.pattern}|{_IMPORTED_FORM.pattern}")
_BEGUN = re.compile(rf"hk[pi]_([0-9A-Za-z]{{{PUBLIC_LENGTH}}})[0-9A-Za-z_…]*")
_PIECE = re.compile(
    r"hk[pi]_[0-9A-Za-z_]{13,}|pat-[0-9a-f]{6,}[0-9a-f-]*|"
    rf"(?<![0-9A-Za-z])[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}(?![0-9A-Za-z])"
)
"""What may hold a good part of a secret, although it is no token."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it exists once, in the answer to the request that made it. ``repr`` hides the text."""

    text: str = field(repr=False)
    public_id: str
    digest: bytes = field(repr=False)


def token_generate(prefix: str = PREFIX) -> NewToken:
    """Draw a new token of the kind of `prefix` from the operating system's randomness."""
    public_id = _random(PUBLIC_LENGTH)
    body = f"{prefix}{public_id}_{_random(SECRET_LENGTH)}"
    text = body + checksum(body)
    return NewToken(text=text, public_id=public_id, digest=token_digest(text))


def checksum(body: str) -> str:
    """CRC-32 of `body` (ASCII) as six base62 digits."""
    number = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def is_well_formed(text: str) -> bool:
    """Whether `text` can be a personal access token at all; decided without any look-up."""
    return is_of_kind(text, PREFIX) or _IMPORTED_FORM.fullmatch(text) is not None


def is_of_kind(text: str, prefix: str) -> bool:
    """Whether `text` has the form of a token of the kind of `prefix` (four characters), checksum included."""
    return (
        len(text) == LENGTH
        and text.startswith(prefix)
        and _AFTER_PREFIX.fullmatch(text, len(prefix)) is not None
        and checksum(text[:-CHECK_LENGTH]) == text[-CHECK_LENGTH:]
    )


def token_digest(text: str) -> bytes:
    """SHA-256 of the token, 32 bytes: what is stored and looked up.

    At 190 random bits nothing is gained by a slow or keyed hash (OWASP ASVS 5, 6.5): there is nothing to guess.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def public_id_of(text: str) -> str:
    """The public id of a well-formed ``hkp_`` or ``hki_`` token."""
    return text[len(PREFIX) : len(PREFIX) + PUBLIC_LENGTH]


def token_in(text: str) -> str:
    """The first well-formed personal access token within a text, such as a line of a pipeline; empty without one."""
    return next((item.group() for item in _WITHIN.finditer(text) if is_well_formed(item.group())), "")


def public_id_in(text: str) -> str:
    """`text` with no more of any token in it, whole, cut or misspelt, than the public id: fit for addresses and logs.

    A text that holds an ``hkp_`` or ``hki_`` token becomes its public id; imported tokens have none and leave nothing.
    """
    found = _BEGUN.search(text)
    return found.group(1) if found is not None else _PIECE.sub("", text)


def holds_secret(text: str) -> bool:
    """Whether more of a token stands in `text` than what names it, which belongs into no address."""
    begun = _BEGUN.search(text)
    shown = len(PREFIX) + PUBLIC_LENGTH
    return (begun is not None and len(begun.group().rstrip("_…")) > shown) or _PIECE.search(text) is not None


def bearer_token(authorization: str) -> str | None:
    """The token of an ``Authorization: Bearer`` header (RFC 6750, 2.1), or None for another scheme or none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip(" ")
    return token or None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
