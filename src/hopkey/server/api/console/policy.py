"""The policy on tokens: what is in force, a dry run of another, and putting one in force."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import StreamingHttpResponse
from django.utils import timezone

from hopkey.server.api import types
from hopkey.server.api.operations import Call, Operation, Route, later
from hopkey.server.exports.shapes import policy_run_shape, policy_shape
from hopkey.server.tokens.policies import policy_check, policy_dry_run, policy_get, policy_set
from hopkey.server.tokens.policy import Policy


def _get(call: Call) -> dict[str, Any]:
    return policy_shape(policy_get())


def _put(call: Call) -> dict[str, Any]:
    policy = _sent(call)
    policy_set(policy=policy, by=call.caller.by)
    return policy_shape(policy)


def _dry_run(call: Call) -> dict[str, Any]:
    policy = _sent(call)
    return policy_run_shape(policy, policy_dry_run(policy, now=timezone.now()))


def _dry_run_whole(call: Call) -> StreamingHttpResponse:
    policy = _sent(call)
    return later(call, lambda: policy_run_shape(policy, policy_dry_run(policy, now=timezone.now(), whole=True)))


def _sent(call: Call) -> Policy:
    return policy_check(msgspec.structs.asdict(call.body))


_CODES = ("policy_invalid",)
ROUTES = (
    Route(
        "console/policy",
        "api_console_policy",
        [
            Operation("GET", _get, "The policy in force", types.PolicyInfo),
            Operation(
                "PUT",
                _put,
                "Put a policy in force; fields left out are without limit",
                types.PolicyInfo,
                body=types.PolicyInput,
                sensitive=True,
                codes=_CODES,
            ),
        ],
    ),
    Route(
        "console/policy/dry-run",
        "api_console_policy_dry_run",
        [
            Operation(
                "POST",
                _dry_run,
                "What a policy would stop; of many tokens, judged by a sample",
                types.PolicyRun,
                body=types.PolicyInput,
                codes=_CODES,
            )
        ],
    ),
    Route(
        "console/policy/dry-run/whole",
        "api_console_policy_dry_run_whole",
        [
            Operation(
                "POST",
                _dry_run_whole,
                "The same, every token judged: seconds at a million",
                types.PolicyRun,
                body=types.PolicyInput,
                codes=_CODES,
            )
        ],
    ),
)
