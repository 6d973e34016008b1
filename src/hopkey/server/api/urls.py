"""Addresses of the JSON API, below ``/v1/access-tokens/``."""

from __future__ import annotations

from django.urls import path

from hopkey.server.api import tokens

urlpatterns = [
    path("create", tokens.create, name="api_token_create"),
    path("list", tokens.list_, name="api_token_list"),
    path("revoke", tokens.revoke, name="api_token_revoke"),
]
