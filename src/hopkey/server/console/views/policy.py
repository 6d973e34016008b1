"""The policy on tokens: what is in force, a dry run of a new one, and putting it in force."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from hopkey.server.errors import DomainError
from hopkey.server.tokens.policies import policy_check, policy_dry_run, policy_get, policy_set, policy_values
from hopkey.server.tokens.policy import WORDS
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def policy(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"values": _shown(policy_values(policy_get())), "error": None, "section": "policy"}
    if request.method != "POST":
        return render(request, "console/policy.html", context)
    try:
        proposed = policy_check(_sent(request))
    except DomainError as error:
        context |= {"values": request.POST, "error": error}
        return render(request, "console/policy.html", context, status=error.status)
    if request.POST.get("confirmed"):
        policy_set(policy=proposed, by=actor_of(request))
        messages.success(request, "Saved. Every use of a token is judged by it from now on.")
        return redirect("console_policy")
    run = policy_dry_run(proposed, now=timezone.now())
    context |= {
        "values": _shown(policy_values(proposed)),
        "run": run,
        "reasons": [(WORDS[over], count) for over, count in sorted(run.reasons.items(), key=lambda item: -item[1])],
        "shown": [(item, WORDS[item.why]) for item in run.shown],
        "unchanged": policy_values(proposed) == policy_values(policy_get()),
    }
    return render(request, "console/policy_preview.html", context)


def _sent(request: HttpRequest) -> dict[str, Any]:
    return {
        **{name: request.POST.get(name, "").strip() for name in ("max_days", "tokens_per_user", "unused_days")},
        "never_allowed": request.POST.get("never_allowed") == "on",
        "networks": [part for part in re.split(r"[\s,]+", request.POST.get("networks", "")) if part],
        "label_pattern": request.POST.get("label_pattern", "").strip(),
    }


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: "" if value is None else value for name, value in values.items()},
        "never_allowed": "on" if values["never_allowed"] else "",
        "networks": "\n".join(values["networks"]),
    }
