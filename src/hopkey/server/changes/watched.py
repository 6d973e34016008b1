"""Which tables the gate reads, and what a write to each of them makes stale. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watched:
    """Writes to `table` are changes of ``kind`` with the value of ``key`` (a column of the old and the new row).

    ``columns``: an update counts only if one of these differs; empty: any update counts. ``unique``: what no two rows
    share beside their ``id``.
    """

    table: str
    kind: str
    key: str
    columns: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()


WATCHED = (
    Watched("hopkey_token", "token", "id", unique=(("public_id",), ("digest",))),
    Watched("hopkey_token_grant", "token", "token_id", unique=(("token_id", "workspace_id"),)),
    Watched("hopkey_token_cutoff", "token", "token_id", unique=(("token_id", "workspace_id"),)),
    Watched("hopkey_token_policy", "policy", "id"),
    # Signing in updates last_login: no change of authority.
    Watched("hopkey_user", "user", "id", ("id", "is_active"), (("email",),)),
    Watched("hopkey_membership", "user", "user_id", unique=(("workspace_id", "user_id"),)),
    Watched("hopkey_workspace", "workspace", "id", ("id", "kind")),
    Watched("hopkey_collection", "collection", "root_id"),
    Watched("hopkey_request", "collection", "root_id"),
    Watched("hopkey_environment", "environment", "id"),
)

EVERYTHING = "everything"
"""The kind of a change after which nothing cached may be believed (a truncated table)."""

KEEP = 10_000
"""Changes kept in the log; a process that is further behind drops its caches instead."""
