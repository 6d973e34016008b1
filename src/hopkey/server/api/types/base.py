"""What every part of the JSON API has."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hopkey.server.tokens.oversight import PAGE_SIZE

MAX_PAGE = 100
Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE, description=f"how many at once, at most {MAX_PAGE}")]
Cursor = Annotated[str, Meta(max_length=254, description="the cursor of the page before; empty: the first page")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Text = Annotated[str, Meta(max_length=254)]
Format = Annotated[str, Meta(max_length=10, extra_json_schema={"enum": ["csv", "json"]})]


class Input(Struct, rename="camel", forbid_unknown_fields=True):
    """Something sent: fields that are not listed are refused."""


class Answer(Struct, rename="camel", forbid_unknown_fields=True):
    """Something answered."""


class Error(Answer):
    """``message`` is a stable code, ``detail`` says what to do."""

    message: str
    detail: str
    status_code: int
    field: str | None = None


class Person(Answer):
    id: str
    name: str
    email: str


class Named(Answer):
    id: str
    name: str


class Deleted(Answer):
    id: str
    deleted: bool


class PageQuery(Input):
    cursor: Cursor = ""
    limit: Limit = PAGE_SIZE
