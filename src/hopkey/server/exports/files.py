"""Shapes as files: JSON arrays and CSV (RFC 4180), written row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20|")
"""What a spreadsheet may take for the beginning of a formula; the full-width forms, too."""

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def file_of(kind: str, shapes: Iterable[dict[str, Any]], columns: Sequence[str] = ()) -> Iterator[str]:
    """The file in pieces; `kind` is one of `FORMATS`. `columns`: the header of a CSV, else that of the first shape."""
    return _csv(shapes, columns) if kind == "csv" else _json(shapes)


def _json(shapes: Iterable[dict[str, Any]]) -> Iterator[str]:
    separator = "[\n"
    for shape in shapes:
        yield separator + json.dumps(shape, ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _csv(shapes: Iterable[dict[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    header = list(columns)
    if header:
        writer.writerow(header)
    for shape in shapes:
        flat = dict(_flat(shape))
        if not header:
            header = list(flat)
            writer.writerow(header)
        writer.writerow([_cell(flat.get(name)) for name in header])
        if buffer.tell() > 65_536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _flat(shape: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """``{"owner": {"id": 1}}`` -> ``owner.id``; lists are joined, and what is deeper is JSON."""
    for name, value in shape.items():
        if isinstance(value, dict) and name in ("owner", "actor", "subject"):
            for inner, item in value.items():
                yield f"{name}.{inner}", item
        else:
            yield name, value


def _cell(value: Any) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = ", ".join(item["name"] if isinstance(item, dict) else str(item) for item in value)
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return "'" + text if text.lstrip(" ")[:1] in _FORMULA else text
