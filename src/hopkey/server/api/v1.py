"""Addresses of the JSON API below ``/v1/``: administrators' oversight, and the tokens that reach a team."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.api import team_tokens
from hopkey.server.api.console import audit, automation, mail, overview, policy, tokens, users, webhooks
from hopkey.server.api.guard import BadRequest, caller_of, not_found, reply
from hopkey.server.api.openapi import openapi_view

ROUTES = (
    *overview.ROUTES,
    *tokens.ROUTES,
    *users.ROUTES,
    *policy.ROUTES,
    *automation.ROUTES,
    *mail.ROUTES,
    *webhooks.ROUTES,
    *audit.ROUTES,
    *team_tokens.ROUTES,
)


@csrf_exempt
def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    """Where there is no route: what those see who may not use one that is there."""
    try:
        caller_of(request)
        raise not_found()
    except BadRequest as error:
        return reply(error.body, error.status)


urlpatterns = [
    path("openapi.json", openapi_view(ROUTES), name="api_openapi"),
    *(route.url() for route in ROUTES),
    path("<path:rest>", nothing, name="api_nothing"),
]
