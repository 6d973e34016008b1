"""Data for iterations: a CSV file whose first row names the variables."""

from __future__ import annotations

import csv
from pathlib import Path

from hopkey.cli.exits import CommandError

MAX_FILE = 256 * 1024 * 1024


def rows_load(path: Path) -> list[dict[str, str]]:
    """The rows, those without a value left out; a cell that is missing or empty overrides nothing.

    Raises `CommandError`.
    """
    if path.suffix.lower() != ".csv":
        raise CommandError("INVALID_DATA_FILE_TYPE", f"{path} is no .csv file")
    try:
        if path.stat().st_size > MAX_FILE:
            raise CommandError("INVALID_DATA_FILE_TYPE", f"{path} is larger than {MAX_FILE >> 20} MB")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            names = [name.strip() for name in next(reader, [])]
            if not any(names):
                raise CommandError("INVALID_DATA_FILE_TYPE", f"{path}: its first row must name the variables")
            # Backwards, so that of several columns with one name the first counts.
            rows = [dict(reversed([pair for pair in zip(names, row, strict=False) if pair[0]])) for row in reader]
            rows = [row for row in rows if any(row.values())]
    except OSError as error:
        raise CommandError("FILE_NOT_FOUND", f"{path} cannot be read: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise CommandError("INVALID_DATA_FILE_TYPE", f"{path} is no CSV file that can be read: {error}") from None
    if not rows:
        raise CommandError("INVALID_DATA_FILE_TYPE", f"{path} holds no rows of data below the names")
    return rows
