"""What an operation has to say: data for scripts, text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """``data`` is what ``--json`` prints: one object or one array. ``failed``: said, but with exit code 1."""

    data: dict[str, Any] | list[dict[str, Any]]
    text: str
    failed: bool = False
    printed: bool = False

    @classmethod
    def silent(cls) -> Report:
        """Of an operation that has written its answer to standard output itself, piece by piece."""
        return cls({}, "", printed=True)

    @classmethod
    def table(cls, rows: list[dict[str, Any]], columns: Sequence[str]) -> Report:
        """Rows as a table of texts."""
        lines = [list(columns)] + [[_cell(row[column]) for column in columns] for row in rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
        text = "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )
        return cls(rows, text)

    def render(self, *, as_json: bool) -> str:
        return json.dumps(self.data, ensure_ascii=False) if as_json else self.text


def shown(rows: list[dict[str, Any]], table: list[dict[str, Any]], columns: Sequence[str]) -> Report:
    """`rows` for scripts, `table` for people."""
    return Report(rows, Report.table(table, columns).text)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
