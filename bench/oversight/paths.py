"""What administrators and team owners ask for, one line each: ``(name, method, address, body)``.

Addresses below ``/v1`` are the JSON API's; the others are pages, which are left out where they are not built.
``{...}`` are ids of `places_find`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.oversight.rows import RARE

from hopkey.server.tokens.oversight import Sort, State

Line = tuple[str, str, str, dict[str, Any] | None]


@dataclass(frozen=True)
class Places:
    """Ids that the addresses name; ``deep``: by order, a cursor in the middle of the list."""

    token: int
    public_id: str
    text: str
    owner: str
    service: str
    team: str
    large_team: str
    team_owner: str
    administrator: str
    user: str
    middle_email: str
    middle_event: int
    deep: dict[str, str]


def places_find() -> Places:
    """In the database of the settings; puts one token there whose text is known."""
    from django.utils import timezone

    from hopkey.server.accounts.models import User
    from hopkey.server.audit.actor import OPERATOR
    from hopkey.server.audit.models import AuditEvent
    from hopkey.server.tokens.models import Token, Use
    from hopkey.server.tokens.services import token_generate_for
    from hopkey.server.workspaces.models import Membership, Workspace

    now = timezone.now()
    count = Token.objects.count()
    people = list(User.objects.filter(is_active=True).order_by("pk").values_list("pk", flat=True))
    owner = people[len(people) // 2]
    made = token_generate_for(owner=User.objects.get(pk=owner), label="pasted one", days=30, by=OPERATOR)
    middle = Token.objects.order_by("pk")[count // 2].pk
    ends = Token.objects.order_by("ends_at", "pk").filter(ends_at__gt=now + timedelta(days=30)).first()
    idle = Use.objects.order_by("idle_since", "pk").filter(idle_since__gt=now - timedelta(days=500)).first()
    assert ends is not None
    assert idle is not None
    by_ends, by_idle = (f"{moment:%Y%m%dT%H%M%S%f}" for moment in (ends.ends_at, idle.idle_since))
    deep = {"created": str(middle), "expires": f"{by_ends}.{ends.pk}", "used": f"{by_idle}.{idle.pk}"}
    teams = Workspace.objects.filter(kind="team").order_by("pk")
    # One in the middle is of the usual size; the first has the heaviest owners.
    team, large_team = teams[teams.count() // 2].pk, teams[0].pk
    return Places(
        token=middle,
        public_id=Token.objects.get(pk=middle).public_id,
        text=made.text,
        owner=owner,
        service=people[1],
        team=team,
        large_team=large_team,
        team_owner=Membership.objects.filter(workspace=team, role="OWNER")[0].user_id,
        administrator=User.objects.filter(is_administrator=True)[0].pk,
        user=owner,
        middle_email=User.objects.order_by("email")[len(people) // 2].email,
        middle_event=AuditEvent.objects.order_by("pk")[count // 2].pk,
        deep=deep,
    )


def lines(at: Places) -> Iterator[Line]:
    base = "/v1/console"
    yield "overview", "GET", f"{base}/overview", None
    yield from _tokens(at, base)
    yield "token", "GET", f"{base}/tokens/{at.token}", None
    yield "policy", "GET", f"{base}/policy", None
    yield "policy, dry run: lifetime", "POST", f"{base}/policy/dry-run", {"maxDays": 60}
    yield (
        "policy, dry run: all rules",
        "POST",
        f"{base}/policy/dry-run",
        {"maxDays": 90, "tokensPerUser": 20, "unusedDays": 180, "labelPattern": ".*[0-9]", "networks": ["10.0.0.0/8"]},
    )
    yield from _users(at, base)
    yield from _audit(at, base)
    yield "team's tokens", "GET", f"/v1/workspaces/{at.team}/tokens", None
    yield "team's tokens, deep", "GET", f"/v1/workspaces/{at.team}/tokens?cursor={at.token}", None
    ids = [str(number) for number in range(max(1, at.token - 499), at.token + 1)]
    yield "delete 500, preview", "POST", f"{base}/tokens/delete", {"ids": ids, "dryRun": True}
    for name, address in (
        ("page: overview", "/console"),
        ("page: tokens", "/console/tokens"),
        ("page: tokens, unused", "/console/tokens?state=unused"),
        ("page: tokens, by label", "/console/tokens?text=nightly"),
        ("page: tokens, deep", f"/console/tokens?after={at.token}"),
        ("page: tokens of a team", f"/console/tokens?team={at.team}"),
        ("page: token", f"/console/tokens/{at.token}"),
        ("page: users", "/console/users"),
        ("page: users, search", "/console/users?text=berg"),
        ("page: user", f"/console/users/{at.user}"),
        ("page: policy", "/console/policy"),
        ("page: audit", "/console/audit"),
        ("page: team's tokens", f"/workspaces/{at.team}/tokens"),
    ):
        yield name, "GET", address, None


def _tokens(at: Places, base: str) -> Iterator[Line]:
    for state in State:
        yield f"tokens, {state.value}", "GET", f"{base}/tokens?state={state.value}", None
    for sort in Sort:
        yield f"tokens by {sort.value}", "GET", f"{base}/tokens?sort={sort.value}", None
        cursor = at.deep[sort.value.lstrip("-")]
        yield f"tokens by {sort.value}, deep", "GET", f"{base}/tokens?sort={sort.value}&cursor={cursor}", None
    for state in (State.LIVE, State.NEVER_USED, State.NEVER_EXPIRES, State.OWNER_INACTIVE, State.OVER_POLICY):
        cursor = at.deep["created"]
        yield f"tokens, {state.value}, deep", "GET", f"{base}/tokens?state={state.value}&cursor={cursor}", None
    for state in (State.LIVE, State.NEVER_EXPIRES, State.OWNER_INACTIVE):
        yield f"tokens, {state.value} by used", "GET", f"{base}/tokens?state={state.value}&sort=used", None
    yield "tokens, never_used by expires", "GET", f"{base}/tokens?state=never_used&sort=expires", None
    for name, owner in (("owner", at.owner), ("service account", at.service)):
        yield f"tokens of an {name}", "GET", f"{base}/tokens?owner={owner}", None
        yield f"tokens of an {name}, unused", "GET", f"{base}/tokens?owner={owner}&state=unused", None
        yield f"tokens of an {name} by expires", "GET", f"{base}/tokens?owner={owner}&sort=expires", None
    for query in ("", "&state=live", "&state=unused", "&state=never_expires", "&sort=expires", "&sort=-used"):
        yield f"tokens of a team{query}", "GET", f"{base}/tokens?team={at.team}{query}", None
    yield "tokens of a large team", "GET", f"{base}/tokens?team={at.large_team}", None
    yield "tokens of a large team by used", "GET", f"{base}/tokens?team={at.large_team}&sort=used", None
    for name, text in (
        ("frequent", "nightly"), ("rare", RARE), ("in none", "no such label"), ("two letters", "ci"), ("owner", "berg"),
        ("public id", at.public_id), ("number", "77"),
    ):  # fmt: skip
        yield f"search, {name}", "POST", f"{base}/tokens/search", {"text": text}
    for name, text in (("frequent", "nightly"), ("rare", RARE)):
        yield (
            f"search, {name}, live by expires",
            "POST",
            f"{base}/tokens/search",
            {"text": text, "sort": "expires", "state": "live"},
        )
        yield f"search, {name}, unused", "POST", f"{base}/tokens/search", {"text": text, "state": "unused"}
        yield f"search, {name}, never used", "POST", f"{base}/tokens/search", {"text": text, "state": "never_used"}
    yield "search, pasted token", "POST", f"{base}/tokens/search", {"text": at.text}


def _users(at: Places, base: str) -> Iterator[Line]:
    yield "users", "GET", f"{base}/users", None
    yield "users, deep", "GET", f"{base}/users?cursor={at.middle_email}", None
    for state in ("active", "administrator", "deactivated", "invited"):
        yield f"users, {state}", "GET", f"{base}/users?state={state}", None
    for name, text in (("frequent", "berg"), ("in none", "no such name"), ("address", at.middle_email)):
        yield f"users, search, {name}", "GET", f"{base}/users?text={text}", None
    yield "user", "GET", f"{base}/users/{at.user}", None
    yield "user, service account", "GET", f"{base}/users/{at.service}", None
    yield "invitations", "GET", f"{base}/invites", None


def _audit(at: Places, base: str) -> Iterator[Line]:
    yield "audit", "GET", f"{base}/audit", None
    yield "audit, deep", "GET", f"{base}/audit?cursor={at.middle_event}", None
    yield "audit, event", "GET", f"{base}/audit?event=token.refused", None
    yield "audit, group", "GET", f"{base}/audit?event=token", None
    yield "audit, rare group", "GET", f"{base}/audit?event=policy", None
    yield "audit, actor", "GET", f"{base}/audit?actor={at.owner}", None
    yield "audit, actor by address", "GET", f"{base}/audit?actor={at.owner}@example.com", None
    yield "audit, subject", "GET", f"{base}/audit?subject={at.public_id}", None
    yield "audit, label", "GET", f"{base}/audit?subject=pasted%20one", None
    yield "audit, days", "GET", f"{base}/audit?since=2026-01-01&until=2026-01-31", None
    yield "audit, event of days", "GET", f"{base}/audit?event=token.refused&since=2025-01-01&until=2025-01-31", None
    yield "audit, pasted token", "POST", f"{base}/audit/search", {"subject": at.text}
