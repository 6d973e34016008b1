"""From rows of the database to records and answers: what both stores share. Pure."""

from __future__ import annotations

import functools
import ipaddress
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hopkey.server.access.rules import may_read
from hopkey.server.gate.caches import Answer, answer_make
from hopkey.server.tokens.policy import FREE, Policy
from hopkey.server.tokens.verify import TokenRecord

Allowed = Callable[[str, bool], bool]
"""Whether what lies in this workspace (id, whether it is a team) may be read: asked before anything is built."""

HEAD_SQL = "SELECT seq, nonce, batch_from FROM hopkey_change_head WHERE id = 1"
RECORD_SQL = (
    "SELECT t.id AS token_id, t.public_id, t.digest, t.expires_at, t.restricted, t.networks, u.id AS owner_id, "
    "u.is_active, t.label, t.created_at, CASE WHEN p.unused_days IS NOT NULL "
    "THEN (SELECT s.idle_since FROM hopkey_token_use s WHERE s.token_id = t.id) END AS idle_since, "
    "p.max_days, p.never_allowed, p.tokens_per_user, p.unused_days, p.networks AS policy_networks, p.label_pattern "
    "FROM hopkey_token t JOIN hopkey_user u ON u.id = t.owner_id LEFT JOIN hopkey_token_policy p ON p.id = 1 "
    "WHERE t.digest = {digest}"
)
"""The token, its owner and the policy; its last use only where the policy asks for it."""
TOKENS_PER_USER = 13
"""Where `RECORD_SQL` says how many tokens the policy lets a person have."""
OLDER_SQL = (
    "SELECT count(*) FROM (SELECT 1 FROM hopkey_token o WHERE o.owner_id = {owner} AND o.id < {key} "
    "AND o.ends_at > {now} ORDER BY o.id LIMIT {limit}) AS older"
)
"""How many older live tokens this owner of this token has, counted up to the limit. The
order keeps planners to the index of owner and id, whatever they believe of the number of rows.
"""
TEAMS_SQL = (
    "SELECT m.workspace_id FROM hopkey_membership m JOIN hopkey_workspace w ON w.id = m.workspace_id "
    "WHERE m.user_id = {owner} AND w.kind = 'team' AND NOT EXISTS (SELECT 1 FROM hopkey_token_cutoff c "
    "WHERE c.token_id = {key} AND c.workspace_id = m.workspace_id)"
)
"""The teams of an owner that the token is not cut off from."""
GRANTS_SQL = "SELECT g.workspace_id FROM hopkey_token_grant g WHERE g.token_id = {key}"
COLLECTION_SQL = (
    "SELECT c.root_id, c.workspace_id, w.kind FROM hopkey_collection c "
    "JOIN hopkey_workspace w ON w.id = c.workspace_id WHERE c.id = {p}"
)
FOLDERS_SQL = "SELECT id, parent_id, title, data FROM hopkey_collection WHERE root_id = {p} ORDER BY position, id"
REQUESTS_SQL = "SELECT id, collection_id, title, body FROM hopkey_request WHERE root_id = {p} ORDER BY position, id"
ENVIRONMENT_SQL = (
    "SELECT e.workspace_id, w.kind, e.name, e.variables FROM hopkey_environment e "
    "JOIN hopkey_workspace w ON w.id = e.workspace_id WHERE e.id = {p}"
)

REACH_SQL = (
    "SELECT t.public_id, t.label, t.created_at, t.expires_at, u.name, u.email FROM hopkey_token t "
    "JOIN hopkey_user u ON u.id = t.owner_id WHERE t.id = {p}"
)
REACH_TEAMS_SQL = (
    "SELECT w.id, w.name, m.role FROM hopkey_membership m JOIN hopkey_workspace w ON w.id = m.workspace_id "
    "WHERE m.user_id = {p} AND w.kind = 'team' ORDER BY w.name, w.id"
)
REACH_COLLECTIONS_SQL = (
    "SELECT c.id, c.title, c.workspace_id FROM hopkey_collection c "
    "JOIN hopkey_membership m ON m.workspace_id = c.workspace_id "
    "WHERE m.user_id = {p} AND c.parent_id IS NULL ORDER BY c.position, c.id"
)
REACH_ENVIRONMENTS_SQL = (
    "SELECT e.id, e.name, e.workspace_id FROM hopkey_environment e "
    "JOIN hopkey_membership m ON m.workspace_id = e.workspace_id WHERE m.user_id = {p} ORDER BY e.name, e.id"
)

Rows = Sequence[Sequence[Any]]


def reach_answer(
    record: TokenRecord,
    token: Sequence[Any],
    moments: tuple[str | None, str | None],
    teams: Rows,
    collections: Rows,
    environments: Rows,
) -> bytes:
    """What the token is and what it may read now, as JSON (docs/api.md). `moments`: created and expires."""
    workspaces = {
        identity: {"id": identity, "name": name, "role": str(role).upper(), "collections": [], "environments": []}
        for identity, name, role in teams
        if may_read(record, workspace_id=identity, is_team=True)
    }
    for name, items in (("collections", collections), ("environments", environments)):
        for identity, title, workspace in items:
            if workspace in workspaces:
                workspaces[workspace][name].append({"id": identity, "name": title})
    return msgspec.json.encode(
        {
            "token": {"id": token[0], "label": token[1], "createdOn": moments[0], "expiresOn": moments[1]},
            "owner": {"name": token[4], "email": token[5]},
            "workspaces": list(workspaces.values()),
        }
    )


def moment(value: datetime | None) -> str | None:
    """As JavaScript writes moments: UTC with milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def token_record(
    row: Sequence[Any],
    seconds: Callable[[Any], float | None],
    teams: Sequence[str],
    grants: Sequence[str],
    older: int,
) -> TokenRecord:
    """`row` of `RECORD_SQL`; `seconds` reads a moment of this database as seconds since the epoch; `older` is what
    `OLDER_SQL` counts, 0 where the policy does not ask.
    """
    expires, created = seconds(row[3]), seconds(row[9]) or 0.0
    policy = policy_of(tuple(row[11:17]))
    return TokenRecord(
        id=row[0],
        public_id=row[1],
        digest=bytes(row[2]),
        owner_id=row[6],
        owner_active=bool(row[7]),
        expires_at=expires,
        grants=frozenset(grants) if row[4] else None,
        networks=tuple(ipaddress.ip_network(text) for text in _json(row[5]) or ()),
        teams=frozenset(teams),
        over=policy.over(seconds=None if expires is None else expires - created, label=row[8], older=older),
        idle_since=seconds(row[10]) or created,
        policy=policy,
    )


def policy_of(columns: Sequence[Any]) -> Policy:
    """The policy of these columns; the same object as long as they are the same."""
    if columns[1] is None:
        return FREE
    networks = columns[4] if isinstance(columns[4], str) else json.dumps(columns[4])
    return _policy((*columns[:4], networks, columns[5]))


@functools.lru_cache(4)
def _policy(columns: tuple[Any, ...]) -> Policy:
    names = ("max_days", "never_allowed", "tokens_per_user", "unused_days", "networks", "label_pattern")
    return Policy.of({**dict(zip(names, columns, strict=True)), "networks": json.loads(columns[4])})


def _json(value: Any) -> Any:
    """A JSON column: text on SQLite, a value on PostgreSQL."""
    return json.loads(value) if isinstance(value, str) else value


def collection_answer(
    identity: str, meta: Sequence[Any], folders: Sequence[Sequence[Any]], requests: Sequence[Sequence[Any]]
) -> Answer:
    """The collection or folder `identity` with everything below it, in the shape of the protocol."""
    root, workspace_id, kind = meta
    nodes: dict[str, dict[str, Any]] = {}
    for id_, parent_id, title, data in folders:
        nodes[id_] = {"id": id_, "data": data, "title": title, "parentID": parent_id, "folders": [], "requests": []}
    for node in nodes.values():
        parent = nodes.get(node["parentID"])
        if parent is not None:
            parent["folders"].append(node)
    for id_, collection_id, title, body in requests:
        holder = nodes.get(collection_id)
        if holder is not None:
            holder["requests"].append(
                {
                    "id": id_,
                    "collectionID": collection_id,
                    "teamID": workspace_id,
                    "title": title,
                    "request": body,
                }
            )
    return answer_make("collection", root, workspace_id, kind == "team", msgspec.json.encode(nodes[identity]))


def environment_answer(identity: str, row: Sequence[Any]) -> Answer:
    workspace_id, kind, name, variables = row
    value = {"id": identity, "teamID": workspace_id, "name": name, "variables": msgspec.Raw(variables.encode())}
    return answer_make("environment", identity, workspace_id, kind == "team", msgspec.json.encode(value))
