"""The policy on tokens: what is in force, a dry run of a new one, and putting it in force."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from hopkey.server.console.views.parts import long_page
from hopkey.server.errors import DomainError
from hopkey.server.tokens.dry_run import DryRun
from hopkey.server.tokens.policies import policy_check, policy_dry_run, policy_get, policy_set, policy_values
from hopkey.server.tokens.policy import WORDS, Policy
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def policy(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """A POST tries what was sent and saves nothing; with ``confirmed`` it saves, with ``change`` it is edited on."""
    current = policy_get()
    context: dict[str, Any] = {"values": _shown(policy_values(current)), "error": None, "section": "policy"}
    if request.method != "POST":
        return render(request, "console/policy.html", context)
    if request.POST.get("change"):
        return render(request, "console/policy.html", context | {"values": _kept(request)})
    try:
        proposed = policy_check(_sent(request))
    except DomainError as error:
        context |= {"values": _kept(request), "error": error}
        return render(request, "console/policy.html", context, status=error.status)
    if request.POST.get("confirmed"):
        policy_set(policy=proposed, by=actor_of(request))
        messages.success(request, "Saved. Every use of a token is judged by it from now on.")
        return redirect("console_policy")

    def preview() -> dict[str, Any]:
        """Judges every live token."""
        return context | _preview(proposed, current, policy_dry_run(proposed, now=timezone.now()))

    return long_page(request, "console/policy_preview.html", preview)


def _preview(proposed: Policy, current: Policy, run: DryRun) -> dict[str, Any]:
    before, after = policy_values(current), policy_values(proposed)
    return {
        "values": _shown(after),
        "run": run,
        "reasons": [(WORDS[over], count) for over, count in sorted(run.reasons.items(), key=lambda item: -item[1])],
        "shown": [(item, WORDS[item.why]) for item in run.shown],
        "unnamed": run.newly - len(run.shown),
        "changes": [
            (_NAMES[name], _word(before[name]), _word(after[name])) for name in before if before[name] != after[name]
        ],
    }


_NAMES = {
    "max_days": "Longest lifetime, in days",
    "never_allowed": "Tokens that never expire",
    "tokens_per_user": "Tokens per user",
    "unused_days": "Days unused",
    "networks": "Networks",
    "label_pattern": "Form of labels",
}


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "allowed" if value else "not allowed"
    if isinstance(value, list):
        return ", ".join(value) or "anywhere"
    return "no limit" if value is None or value == "" else str(value)


def _sent(request: HttpRequest) -> dict[str, Any]:
    return {
        **{name: request.POST.get(name, "").strip() for name in ("max_days", "tokens_per_user", "unused_days")},
        "never_allowed": request.POST.get("never_allowed") == "on",
        "networks": [part for part in re.split(r"[\s,]+", request.POST.get("networks", "")) if part],
        "label_pattern": request.POST.get("label_pattern", "").strip(),
    }


def _kept(request: HttpRequest) -> dict[str, str]:
    """What was typed, as it was typed."""
    return {name: request.POST.get(name, "") for name in _NAMES}


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: "" if value is None else value for name, value in values.items()},
        "never_allowed": "on" if values["never_allowed"] else "",
        "networks": "\n".join(values["networks"]),
    }
