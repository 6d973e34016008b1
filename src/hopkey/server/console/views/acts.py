"""What administrators do to an account: each act says what will happen on a page of its own, and is done by a POST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts.factors import factors_of
from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import last_administrator_is, user_get
from hopkey.server.audit.actor import Actor
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.people import services
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces.models import Membership, Workspace
from hopkey.server.workspaces.services import teams_with_sole_owner

_MEMBERS = 200
"""Members of a team who are offered to own it."""


@dataclass(frozen=True, slots=True)
class Act:
    """``title`` and ``done`` take the person's name; ``words`` say on the person's page what it does; ``button`` is the
    verb; ``ask`` is False for what harms nobody and is done at once.
    """

    name: str
    title: str
    words: str
    button: str
    done: str
    run: Callable[[User, Actor, Mapping[str, str]], object]
    danger: bool = False
    ask: bool = True
    takes_access: bool = False


def _delete(user: User, by: Actor, given: Mapping[str, str]) -> object:
    chosen = {name.removeprefix("team-"): value for name, value in given.items() if name.startswith("team-") and value}
    decided = {team: services.DELETE_TEAM if value == "delete" else value for team, value in chosen.items()}
    return services.person_delete(user=user, by=by, successors=decided)


ACTS = {
    act.name: act
    for act in (
        Act(
            "sign-out",
            "Sign {name} out everywhere?",
            "Ends every session, on every device. Tokens go on working.",
            "Sign out everywhere",
            "Signed {name} out everywhere.",
            lambda user, by, _: services.person_sign_out(user=user, by=by),
        ),
        Act(
            "remove-second-factors",
            "Take the second factors from {name}?",
            "Removes app, passkeys and recovery codes, for somebody who lost them, and ends every session.",
            "Remove second factors",
            "Took the second factors from {name}.",
            lambda user, by, _: services.person_factors_remove(user=user, by=by),
            danger=True,
        ),
        Act(
            "make-administrator",
            "Make {name} an administrator?",
            "Sees and deletes the tokens of everybody, and governs users and the policy.",
            "Make administrator",
            "{name} is an administrator now.",
            lambda user, by, _: services.person_administrator_set(user=user, administrator=True, by=by),
        ),
        Act(
            "unmake-administrator",
            "Make {name} an ordinary user?",
            "Takes the console away. Account, teams and tokens stay as they are.",
            "Remove as administrator",
            "{name} is no administrator any more.",
            lambda user, by, _: services.person_administrator_set(user=user, administrator=False, by=by),
            danger=True,
            takes_access=True,
        ),
        Act(
            "deactivate",
            "Deactivate {name}?",
            "Ends all sessions and refuses all tokens at once. Nothing is lost.",
            "Deactivate",
            "Deactivated {name}: sessions ended, tokens refused.",
            lambda user, by, _: services.person_deactivate(user=user, by=by),
            danger=True,
            takes_access=True,
        ),
        Act(
            "reactivate",
            "Reactivate {name}?",
            "Lets the account in again. Tokens that have not expired work again.",
            "Reactivate",
            "Reactivated {name}.",
            lambda user, by, _: services.person_reactivate(user=user, by=by),
        ),
        Act(
            "delete",
            "Delete {name}?",
            "Deletes the account with its tokens and its personal workspace, for ever.",
            "Delete account",
            "Deleted {name}.",
            _delete,
            danger=True,
            takes_access=True,
        ),
    )
}


def acts_of(user: User) -> list[Act]:
    """The acts that make sense for this account now."""
    left_out = {
        "make-administrator" if user.is_administrator else "unmake-administrator",
        "reactivate" if user.is_active else "deactivate",
        "" if factors_of(user).any else "remove-second-factors",
    }
    return [act for act in ACTS.values() if act.name not in left_out]


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def act(request: HttpRequest, user_id: str, act: str) -> HttpResponse:
    chosen = ACTS.get(act)
    if chosen is None:
        raise NotFound("page_not_found", "There is no such page.")
    found = user_get(user_id)
    if request.method != "POST":
        return render(request, "console/user_act.html", _context(request, chosen, found))
    try:
        chosen.run(found, actor_of(request), request.POST.dict())
    except DomainError as error:
        context = _context(request, chosen, found) | {"error": error}
        return render(request, "console/user_act.html", context, status=error.status)
    messages.success(request, chosen.done.format(name=found.name))
    if chosen.takes_access and found.pk == user_of(request).pk:
        return redirect("home")
    return redirect("console_users") if chosen.name == "delete" else redirect("console_user", user_id=found.pk)


def _context(request: HttpRequest, act: Act, found: User) -> dict[str, Any]:
    me = user_of(request)
    stopped = ""
    if act.takes_access and last_administrator_is(found):
        stopped = f"{found.name} is the last administrator of this server: make somebody else one first."
    teams = teams_with_sole_owner(found) if act.name in ("delete", "deactivate") else []
    return {
        "found": found,
        "act": act,
        "title": act.title.format(name=found.name),
        "consequences": _consequences(act, found, teams),
        "teams": _successors(teams, found, me, request.POST.dict()) if act.name == "delete" else [],
        "is_me": found.pk == me.pk,
        "stopped": stopped,
        "error": None,
        "section": "users",
    }


def _consequences(act: Act, found: User, teams: list[Workspace]) -> list[str]:
    live = found.tokens.filter(ends_at__gt=timezone.now()).count()
    sessions = UserSession.objects.filter(user=found).count()
    tokens = _number(live, "token that has not expired", "tokens that have not expired")
    ended = "No session is open."
    if sessions:
        ended = f"{_number(sessions, 'session ends', 'sessions end')} at once, on every device."
    if act.name == "sign-out":
        return [ended, "Tokens go on working."]
    if act.name == "remove-second-factors":
        return [
            "Authenticator app, passkeys and recovery codes are gone: the next sign-in asks for none of them.",
            ended,
            "Be sure that it is really this person who asks: whoever knows the password gets in with it alone.",
            f"{found.email} is told by mail, where mail is set up.",
        ]
    if act.name == "make-administrator":
        return [act.words, "Can make and unmake administrators, you among them."]
    if act.name == "deactivate":
        lines = [ended, f"{tokens} will be refused at once, on every node: pipelines that use them stop."]
        if not live:
            lines[1] = "There is no token to refuse: none is left that has not expired."
        lines += [f"{team.name} has no other owner: nobody governs it meanwhile." for team in teams]
        return [*lines, "Nothing is lost: reactivating brings everything back."]
    if act.name == "delete":
        return [
            ended,
            f"{tokens} will be deleted: pipelines that use them stop at once." if live else "No live token is lost.",
            "The personal workspace is deleted with all that is in it.",
            "This cannot be undone. To keep everything, deactivate the account instead.",
        ]
    return [act.words]


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _successors(teams: list[Workspace], found: User, me: User, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """For each team that would lose its only owner: what it holds, and who may own it from now on."""
    members = Membership.objects.filter(workspace__in=teams, user__is_active=True).exclude(user=found)
    by_team: dict[str, list[User]] = {team.pk: [] for team in teams}
    for member in members.select_related("user").order_by("user__name", "user__email")[: _MEMBERS * 10]:
        if len(by_team[member.workspace_id]) < _MEMBERS:
            by_team[member.workspace_id].append(member.user)
    return [
        {
            "team": team,
            "members": [user for user in by_team[team.pk] if user.pk != me.pk],
            "me": me if me.pk != found.pk else None,
            "chosen": given.get(f"team-{team.pk}", ""),
        }
        for team in teams
    ]
