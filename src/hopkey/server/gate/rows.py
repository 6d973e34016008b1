"""From rows of the database to records and answers: what both stores share. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hopkey.server.gate.caches import Answer, answer_make
from hopkey.server.tokens.verify import TokenRecord

Allowed = Callable[[str, bool], bool]
"""Whether what lies in this workspace (id, whether it is a team) may be read: asked before anything is built."""

HEAD_SQL = "SELECT seq, nonce, batch_from FROM hopkey_change_head WHERE id = 1"
RECORD_SQL = (
    "SELECT t.id, t.public_id, t.digest, t.expires_at, t.restricted, t.networks, u.id, u.is_active "
    "FROM hopkey_token t JOIN hopkey_user u ON u.id = t.owner_id WHERE t.digest = {p}"
)
TEAMS_SQL = (
    "SELECT m.workspace_id FROM hopkey_membership m JOIN hopkey_workspace w ON w.id = m.workspace_id "
    "WHERE m.user_id = {p} AND w.kind = 'team'"
)
GRANTS_SQL = "SELECT workspace_id FROM hopkey_token_grant WHERE token_id = {p}"
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


def token_record(
    row: Sequence[Any], expires_at: float | None, teams: Sequence[Sequence[Any]], grants: Sequence[Sequence[Any]]
) -> TokenRecord:
    """`row` of `RECORD_SQL` with the expiry already in seconds since the epoch."""
    networks = json.loads(row[5]) if isinstance(row[5], str) else row[5]
    return TokenRecord(
        id=row[0],
        public_id=row[1],
        digest=bytes(row[2]),
        owner_id=row[6],
        owner_active=bool(row[7]),
        expires_at=expires_at,
        grants=frozenset(item[0] for item in grants) if row[4] else None,
        networks=tuple(ipaddress.ip_network(text) for text in networks or ()),
        teams=frozenset(item[0] for item in teams),
    )


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
