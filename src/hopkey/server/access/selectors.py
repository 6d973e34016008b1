"""The one answer, from the database: what does this token reach now?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from hopkey.server.access.rules import may_read
from hopkey.server.tokens.format import is_well_formed, token_digest
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import lifetime_seconds
from hopkey.server.tokens.verify import Refusal, TokenRecord, verify
from hopkey.server.workspaces.models import Kind, Workspace


def token_record(digest: bytes) -> TokenRecord | None:
    """The stored record of the token with this digest, through the ORM (the gate reads the same by plain SQL)."""
    token = Token.objects.select_related("owner", "use").filter(digest=digest).first()
    if token is None:
        return None
    policy = policy_get()
    use = getattr(token, "use", None)
    older = token.owner.tokens.filter(pk__lt=token.pk, ends_at__gt=timezone.now()).count()
    grants = frozenset(token.grants.values_list("workspace_id", flat=True)) if token.restricted else None
    cut = token.cutoffs.values("workspace_id")
    teams = token.owner.memberships.filter(workspace__kind=Kind.TEAM).exclude(workspace_id__in=cut)
    return TokenRecord(
        id=token.pk,
        public_id=token.public_id,
        digest=bytes(token.digest),
        owner_id=token.owner_id,
        owner_active=token.owner.is_active,
        expires_at=token.expires_at.timestamp() if token.expires_at else None,
        grants=grants,
        networks=tuple(ipaddress.ip_network(text) for text in token.networks),
        teams=frozenset(teams.values_list("workspace_id", flat=True)),
        over=policy.over(
            seconds=lifetime_seconds(token.created_at, token.expires_at),
            label=token.label,
            older=older,
        ),
        idle_since=(use.idle_since if use else token.created_at).timestamp(),
        policy=policy,
    )


def token_verify(text: str, *, now: float, address: str) -> TokenRecord | Refusal:
    """Verify a presented token against the database."""
    if not is_well_formed(text):
        return Refusal.MALFORMED
    digest = token_digest(text)
    record = token_record(digest)
    refusal = verify(record, digest=digest, now=now, address=address)
    if refusal is not None or record is None:
        return refusal or Refusal.UNKNOWN
    return record


def token_may_read(record: TokenRecord, workspace: Workspace) -> bool:
    return may_read(record, workspace_id=workspace.pk, is_team=workspace.kind == Kind.TEAM)


def teams_reached(token_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """The teams (id, name) that each of these tokens reaches now, by name; one query for all of them.

    As `readable_teams`: those its owner is in, of which a restricted token reaches only the granted ones, and none that
    it was cut off from. Whether the token works at all is another question.
    """
    found: dict[int, list[tuple[str, str]]] = {id_: [] for id_ in token_ids}
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, w.id, w.name FROM hopkey_token t "  # noqa: S608 - only our own names are put in
            "JOIN hopkey_membership m ON m.user_id = t.owner_id "
            "JOIN hopkey_workspace w ON w.id = m.workspace_id AND w.kind = 'team' "
            "LEFT JOIN hopkey_token_grant g ON g.token_id = t.id AND g.workspace_id = w.id "
            "LEFT JOIN hopkey_token_cutoff c ON c.token_id = t.id AND c.workspace_id = w.id "
            f"WHERE t.id IN ({', '.join(['%s'] * len(found))}) "
            "AND (NOT t.restricted OR g.id IS NOT NULL) AND c.id IS NULL ORDER BY w.name, w.id",
            list(found),
        )
        for token_id, team_id, name in cursor.fetchall():
            found[token_id].append((team_id, name))
    return found
