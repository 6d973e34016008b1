"""Bodies of requests: each kind of content as bytes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from hopkey.formats.jsonc import NotJson, compact, has_value
from hopkey.formats.model import Json

MAX_FILE = 512 * 1024 * 1024

_JSON = re.compile(r"(?:[+/-]|^)json$")
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class Render(Protocol):
    """Fills in templates; where `strict`, an unknown name raises `UnknownVariable`."""

    def __call__(self, text: str, *, strict: bool = False) -> str: ...


class BodyError(Exception):
    """A body that cannot be made. The message says what to change."""


class NotJsonError(BodyError):
    """A body that should be JSON and is not. ``body`` is what could be sent all the same."""

    def __init__(self, message: str, body: bytes, kind: str) -> None:
        super().__init__(message)
        self.body = body
        self.kind = kind


def encode(body: Json, render: Render, files: Path | None) -> tuple[bytes | None, str | None]:
    """Bytes and content type of `body`; ``(None, None)`` where there is none.

    `render` fills in templates; `files` is the folder below which files may be taken. Raises `BodyError`.
    """
    kind = body.get("contentType")
    content: Any = body.get("body")
    if kind is None or content is None:
        return None, None
    if kind == "multipart/form-data":
        return _multipart(content if isinstance(content, list) else [], render, files)
    if kind == "application/octet-stream":
        return _binary(content, render, files), kind
    if kind == "application/x-www-form-urlencoded":
        pairs = [(render(key), render(value)) for key, value in _form_pairs(str(content))]
        return urlencode(pairs, quote_via=quote).encode("ascii"), kind
    text = render(str(content), strict=True)
    if _JSON.search(kind.partition(";")[0].strip().lower()) and text.strip():
        try:
            text = compact(text)
        except NotJson as error:
            if has_value(text):
                return _bytes(text), kind
            raise NotJsonError(f"the body is not valid JSON: {error}", _bytes(text), kind) from None
    return _bytes(text), kind


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _multipart(rows: list[Any], render: Render, files: Path | None) -> tuple[bytes, str]:
    boundary = f"hopkey-{os.urandom(16).hex()}"
    parts: list[bytes] = []
    chosen = [row for row in rows if isinstance(row, dict) and row.get("active", True) and row.get("key")]
    # As in the official runner, files stand last, and a text with a content type is a part with a file's name.
    for row in sorted(chosen, key=lambda row: bool(row.get("isFile"))):
        name, kind = render(str(row["key"])), render(str(row.get("contentType") or ""))
        values = row.get("value")
        if row.get("isFile"):
            for value in values if isinstance(values, list) else [values]:
                path = _path(value, render)
                if path:
                    parts.append(_part(boundary, name, _file(path, files), kind or _guessed(path), Path(path).name))
        else:
            text = render(values if isinstance(values, str) else "" if values is None else str(values))
            # As browsers send forms: lines of a text end with CR LF, what has a type of its own goes as it is.
            content = _bytes(text if kind else _LINE_END.sub("\r\n", text))
            parts.append(_part(boundary, name, content, kind, name if kind else None))
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, name: str, content: bytes, kind: str, filename: str | None) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if kind:
        head += f"\r\nContent-Type: {kind.splitlines()[0]}"
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def _binary(content: Any, render: Render, files: Path | None) -> bytes:
    """A file by its path; a text that names no file is sent as it is."""
    path = _path(content, render)
    if path is None:
        return b""
    if isinstance(content, str) and (files is None or not _inside(path, files).is_file()):
        return path.encode()
    return _file(path, files)


def _path(value: Any, render: Render) -> str | None:
    if isinstance(value, dict):
        value = value.get("path") or value.get("src") or value.get("name")
    return render(value) if isinstance(value, str) and value else None


def _file(path: str, files: Path | None) -> bytes:
    if files is None:
        raise BodyError(f"the file {path!r} is not read: this run may not take files")
    place = _inside(path, files)
    try:
        if not place.is_file():
            raise BodyError(f"there is no file {path!r} below {files}")
        if place.stat().st_size > MAX_FILE:
            raise BodyError(f"the file {path!r} is larger than {MAX_FILE >> 20} MB")
        return place.read_bytes()
    except OSError as error:
        raise BodyError(f"the file {path!r} cannot be read: {error.strerror}") from None


def _inside(path: str, files: Path) -> Path:
    """The file's place; links are followed before it is judged. Raises `BodyError` outside of `files`."""
    try:
        place = (files / path).resolve()
    except (OSError, ValueError):
        raise BodyError(f"{path[:200]!r} is no path of a file") from None
    if not place.is_relative_to(files.resolve()):
        raise BodyError(f"the file {path!r} lies outside of {files}, from where files may be taken (--files)")
    return place


def _guessed(path: str) -> str:
    import mimetypes  # few bodies hold files

    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _form_pairs(text: str) -> list[tuple[str, str]]:
    """The rows of a form: ``key: value`` lines (a leading ``#`` switches a row off), or a ready query.

    What holds a colon, a hash or spaces at its ends stands in quotes, as in JSON.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and ":" not in lines[0] and "=" in lines[0]:
        return parse_qsl(lines[0], keep_blank_values=True)
    pairs = []
    for line in lines:
        row = line.strip()
        if row.startswith("#"):
            continue
        quoted = _QUOTED.match(row)
        if quoted and row[quoted.end() :].lstrip()[:1] in ("", ":"):
            key, rest = quoted.group(), row[quoted.end() :].lstrip()[1:]
        else:
            key, _, rest = row.partition(":")
        pairs.append((_unquoted(key.strip()), _unquoted(rest.strip())))
    return [pair for pair in pairs if pair[0]]


def _unquoted(text: str) -> str:
    if not _QUOTED.fullmatch(text):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text
