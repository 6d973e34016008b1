"""What a verified token may read: what it allows AND what its owner may read now. Pure; every plane asks here."""

from __future__ import annotations

from hopkey.server.tokens.verify import TokenRecord


def may_read(record: TokenRecord, *, workspace_id: str, is_team: bool) -> bool:
    """Whether a token that `verify` let pass may read what lies in this workspace.

    Never a personal workspace, whoever owns it; never a team its owner is not in now; and for a restricted token only
    the teams it names. Any role may read.
    """
    return is_team and workspace_id in record.teams and (record.grants is None or workspace_id in record.grants)


def readable_teams(record: TokenRecord) -> frozenset[str]:
    """The teams a verified token reaches now."""
    return record.teams if record.grants is None else record.teams & record.grants
