"""Bodies of requests: each kind of content as bytes."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from hopkey.formats.jsonc import strip_comments
from hopkey.formats.model import Json

MAX_FILE = 512 * 1024 * 1024

Render = Callable[[str], str]


class BodyError(Exception):
    """A body that cannot be made. The message says what to change."""


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
    text = render(str(content))
    if kind == "application/x-www-form-urlencoded":
        return urlencode(_form_pairs(text), quote_via=quote).encode("ascii"), kind
    if "json" in kind:
        text = strip_comments(text)
    return text.encode(), kind


def _multipart(rows: list[Any], render: Render, files: Path | None) -> tuple[bytes, str]:
    boundary = f"hopkey-{secrets.token_hex(16)}"
    parts: list[bytes] = []
    for row in rows:
        if not isinstance(row, dict) or not row.get("active", True) or not row.get("key"):
            continue
        name, kind = render(str(row["key"])), render(str(row.get("contentType") or ""))
        values = row.get("value")
        if row.get("isFile"):
            for value in values if isinstance(values, list) else [values]:
                path = _path(value, render)
                if path:
                    parts.append(_part(boundary, name, _file(path, files), kind or _guessed(path), Path(path).name))
        else:
            text = values if isinstance(values, str) else "" if values is None else str(values)
            parts.append(_part(boundary, name, render(text).encode(), kind, None))
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
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _form_pairs(text: str) -> list[tuple[str, str]]:
    """The rows of a form: ``key: value`` lines (a leading ``#`` switches a row off), or a ready query."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and ":" not in lines[0] and "=" in lines[0]:
        return parse_qsl(lines[0], keep_blank_values=True)
    pairs = []
    for line in lines:
        if line.lstrip().startswith("#"):
            continue
        key, _, value = line.partition(":")
        pairs.append((key.strip(), value.strip()))
    return pairs
