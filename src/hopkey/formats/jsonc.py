"""JSON with comments, as people write request bodies, and the JSON that goes over the wire."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

MAX_COMMAS = 50
_SAFE_DIGITS = 16
_WRITTEN_OUT = 1e21
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n\r]*|/\*.*?(?:\*/|\Z)|,', re.DOTALL)
_TOKEN = re.compile(r'[\[\]{}:,"]|[^\s\[\]{}:,"/]+')
_LITERAL = re.compile(r"true|false|null|-?\d.*")
_SPACE = re.compile(r"\s+")


class NotJson(ValueError):
    """A text that is no JSON, whatever its comments. The message says where it goes wrong."""


def strip_comments(text: str) -> str:
    """`text` without ``//`` and ``/* */`` comments and trailing commas; texts in quotes stay as they are."""
    parts: list[str] = []
    comma = -1  # where in `parts` a comma stands of which nobody knows yet whether anything follows
    end = 0

    def between(piece: str) -> None:
        nonlocal comma
        if not piece:
            return
        if comma >= 0 and not piece.isspace():
            if piece.lstrip()[0] in "}]":
                parts[comma] = ""
            comma = -1
        parts.append(piece)

    for match in _PIECES.finditer(text):
        between(text[end : match.start()])
        end = match.end()
        piece = match.group()
        if piece == ",":
            comma = len(parts)
            parts.append(piece)
        elif piece[0] == '"':
            comma = -1
            parts.append(piece)
    between(text[end:])
    return "".join(parts)


def compact(text: str) -> str:
    """`text`, JSON with comments, as the official runner sends it: one line without spaces, each name once.

    Numbers keep their value: what the language of scripts could not hold exactly stays as it is written. A comma
    missing between two values is put in, and what follows the first value is left out, as there. Raises `NotJson`.
    """
    stripped = strip_comments(text)
    for _ in range(MAX_COMMAS):
        try:
            start = _SPACE.match(stripped)
            value, _end = _DECODER.raw_decode(stripped, start.end() if start else 0)
            return msgspec.json.encode(value).decode()
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Expecting ',' delimiter") or error.pos >= len(stripped):
                raise NotJson(f"{error.msg}, line {error.lineno}, column {error.colno}") from None
            stripped = f"{stripped[: error.pos]},{stripped[error.pos :]}"
        except (RecursionError, msgspec.EncodeError, UnicodeError, ValueError):
            return stripped  # too deep, or with halves of characters: sent as it is written
    raise NotJson("commas are missing")


def has_value(text: str) -> bool:
    """Whether a JSON value stands in `text` before anything else that means something in JSON.

    The official runner takes what it finds there for the body, and calls that no error; XML that is declared as JSON
    is such a text.
    """
    for match in _TOKEN.finditer(strip_comments(text)):
        token = match.group()
        if token[0] in '"[{' or _LITERAL.fullmatch(token):
            try:
                json.JSONDecoder().raw_decode(match.string, match.start())
            except (ValueError, RecursionError):
                return False
            return True
        if token[0] in "]}:,":
            return False
    return False


def _whole(text: str) -> Any:
    return int(text) if len(text) < _SAFE_DIGITS else msgspec.Raw(text)


def _decimal(text: str) -> Any:
    """A number as scripts would write it where that is the same number, else as it stands."""
    from decimal import Decimal  # few bodies hold such numbers

    value = float(text)
    short = str(int(value)) if value.is_integer() and abs(value) < _WRITTEN_OUT else repr(value)
    same = "e" not in short and "n" not in short and Decimal(short) == Decimal(text)
    return msgspec.Raw(short if same else text)


def _constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_int=_whole, parse_constant=_constant, strict=True)
