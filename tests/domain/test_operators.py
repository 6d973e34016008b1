"""`hopkey admin` for oversight: the same tokens, users, policy and audit trail as the console has."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from hopkey.server.accounts.models import User
from hopkey.server.audit.install import install_after_migrate
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.commands.admin import _run, parser
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from tests.conftest import People
from tests.domain.test_audit_chain import drop_triggers
from tests.domain.test_oversight import age, make

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

Admin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def admin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Admin:
    def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        code = _run(parser().parse_args(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return run


def data(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert code == 0, err
    return json.loads(out)


def code_of(answer: tuple[int, str, str]) -> tuple[int, str]:
    code, out, err = answer
    assert out == ""
    return code, json.loads(err)["error"]


def test_tokens_are_listed_found_exported_and_deleted(people: People, admin: Admin) -> None:
    mine, idle = make(people, "mine", owner="ana"), make(people, "idle one", owner="ed", days=None)
    age(idle, days=300, used=120)

    def labels(*arguments: str) -> list[str]:
        return [row["label"] for row in data(admin("token", "list", "--json", *arguments))]

    assert labels() == ["idle one", "mine"]
    assert labels("--state", "unused") == ["idle one"]
    assert labels("--owner", "ana@example.com") == ["mine"]
    assert labels("--text", "idle") == ["idle one"]
    assert labels("--team", people.team.pk, "--sort", "created", "--limit", "1") == ["mine"]
    assert code_of(admin("token", "list", "--json", "--state", "odd")) == (1, "filter_invalid")
    assert code_of(admin("token", "list", "--json", "--owner", "nobody")) == (1, "user_not_found")
    code, out, _ = admin("token", "list")
    assert code == 0
    assert "idle one" in out
    assert data(admin("token", "find", "--json", given=mine.text + "\n"))["id"] == str(mine.token.pk)
    assert code_of(admin("token", "find", "--json", given="nonsense")) == (1, "token_malformed")
    assert mine.text not in "".join(admin("token", "find", given=mine.text)[1:])
    rows = list(csv.DictReader(io.StringIO(admin("token", "export", "--state", "live")[1])))
    assert [row["label"] for row in rows] == ["idle one", "mine"]
    assert [row["label"] for row in json.loads(admin("token", "export", "--format", "json")[1])] == ["idle one", "mine"]
    assert AuditEvent.objects.filter(event=Event.TOKENS_EXPORTED).count() == 2
    ids = [str(mine.token.pk), str(idle.token.pk)]
    assert code_of(admin("token", "delete", "--json", *ids, "99")) == (1, "token_not_found")
    assert code_of(admin("token", "delete", "--json", "x")) == (1, "token_not_found")
    assert code_of(admin("token", "delete", "--json", *ids, "--reason", "x")) == (1, "reason_missing")
    dry = data(admin("token", "delete", "--json", "--dry-run", *ids))
    assert {owner["email"] for owner in dry["owners"]} == {"ana@example.com", "ed@example.com"}
    assert Token.objects.count() == 2
    assert data(admin("token", "delete", "--json", ids[0])) == {"id": ids[0], "deleted": True}
    assert data(admin("token", "delete", "--json", ids[1], "--reason", "left the company"))["deleted"] is True
    reasons = AuditEvent.objects.filter(event=Event.TOKEN_DELETED).order_by("pk")
    assert [event.detail["reason"] for event in reasons] == ["deleted by an operator", "left the company"]


def test_the_policy_is_shown_tried_and_changed(people: People, admin: Admin) -> None:
    make(people, "ever", owner="ed", days=None)
    assert data(admin("policy", "show", "--json"))["maxDays"] is None
    run = data(admin("policy", "dry-run", "--json", "--max-days", "90"))
    assert (run["whole"], run["newly"], run["reasons"]) == (True, 1, {"never_expires": 1})
    code, out, _ = admin("policy", "dry-run", "--max-days", "90")
    assert (code, "It would stop 1 of 1 live tokens, of 1 person." in out, "ed@example.com" in out) == (0, True, True)
    assert policy_get().max_days is None
    data(admin("policy", "set", "--json", "--max-days", "90", "--network", "10.0.0.0/8", "--network", "192.0.2.0/24"))
    data(admin("policy", "set", "--json", "--never-allowed", "no", "--label-pattern", "ci-.+"))
    policy = policy_get()
    assert (policy.max_days, len(policy.networks), policy.never_allowed, policy.label_pattern) == (
        90,
        2,
        False,
        "ci-.+",
    )
    data(admin("policy", "set", "--json", "--max-days", "none", "--network", "none"))
    assert (policy_get().max_days, policy_get().networks, policy_get().never_allowed) == (None, (), False)
    assert code_of(admin("policy", "set", "--json", "--unused-days", "soon")) == (1, "policy_invalid")


def test_the_audit_trail_is_listed_exported_and_verified(people: People, admin: Admin) -> None:
    made = make(people, "mine", owner="ana")
    listed = data(admin("audit", "list", "--json", "--subject", made.text))
    assert [row["event"] for row in listed] == ["token.generated"]
    everything = data(admin("audit", "list", "--json", "--limit", "0"))
    assert len(everything) == AuditEvent.objects.count()
    assert data(admin("audit", "list", "--json", "--before", everything[0]["id"], "--limit", "1")) == [everything[1]]
    assert code_of(admin("audit", "list", "--json", "--event", "odd")) == (1, "filter_invalid")
    exported = json.loads(admin("audit", "export", "--format", "json", "--event", "token.generated")[1])
    assert [row["subject"]["label"] for row in exported] == ["mine"]
    verdict = data(admin("audit", "verify", "--json"))
    assert verdict["whole"] is True
    make(people, "another", owner="ana")
    assert data(admin("audit", "verify", "--json", "--expect", verdict["head"]))["whole"] is True
    code, out, _ = admin("audit", "verify", "--expect", re.sub(r":.*", ":" + "0" * 64, verdict["head"]))
    assert (code, "computed anew" in out) == (1, True)
    assert code_of(admin("audit", "verify", "--json", "--expect", "nonsense")) == (1, "head_invalid")
    drop_triggers()
    try:
        AuditEvent.objects.filter(event=Event.TOKEN_GENERATED).update(actor_label="nobody")
        code, out, _ = admin("audit", "verify", "--json")
        assert (code, json.loads(out)["whole"]) == (1, False)
    finally:
        install_after_migrate()


def test_users_are_invited_and_governed(people: People, admin: Admin) -> None:
    assert data(admin("user", "administrator", "ed@example.com", "on", "--json"))["administrator"] is True
    assert code_of(admin("user", "administrator", "ed@example.com", "off", "--json")) == (1, "last_administrator")
    assert User.objects.get(email="ed@example.com").is_administrator
    epoch = people.ed.session_epoch
    assert data(admin("user", "sign-out", "ed@example.com", "--json"))["id"] == people.ed.pk
    people.ed.refresh_from_db()
    assert people.ed.session_epoch == epoch + 1
    made = data(admin("user", "invite", "new@example.com", "--administrator", "--json"))
    assert "/welcome/" in made["link"]
    assert [row["email"] for row in data(admin("user", "invites", "--json"))] == ["new@example.com"]
    assert code_of(admin("user", "invite", "ed@example.com", "--json")) == (1, "email_taken")
    assert data(admin("user", "invite-revoke", "new@example.com", "--json"))["revoked"] == 1
    assert code_of(admin("user", "invite-revoke", "new@example.com", "--json")) == (1, "invitation_not_found")


def test_figures(people: People, admin: Admin) -> None:
    assert data(admin("overview", "--json"))["days"][-1]["live"] == 0
    make(people, "mine", owner="ana")
    assert data(admin("overview", "--json", "--refresh"))["days"][-1]["live"] == 1
    code, out, _ = admin("overview")
    assert (code, "1  live tokens" in out) == (0, True)
