"""Addresses of the administrators' pages, below ``/console``."""

from __future__ import annotations

from django.urls import path

from hopkey.server.console.views import acts, audit, automation, deletion, overview, policy, tokens, users

urlpatterns = [
    path("", overview.overview, name="console"),
    path("/refresh", overview.refresh, name="console_refresh"),
    path("/tokens", tokens.token_list, name="console_tokens"),
    path("/tokens/search", tokens.search, name="console_tokens_search"),
    path("/tokens/export", tokens.export, name="console_tokens_export"),
    path("/tokens/delete", deletion.delete, name="console_tokens_delete"),
    path("/tokens/<int:token_id>", tokens.token, name="console_token"),
    path("/users", users.user_list_, name="console_users"),
    path("/users/invite", users.invite, name="console_invite"),
    path("/users/invite/revoke", users.invite_revoke, name="console_invite_revoke"),
    path("/users/<str:user_id>", users.user, name="console_user"),
    path("/users/<str:user_id>/<str:act>", acts.act, name="console_user_act"),
    path("/policy", policy.policy, name="console_policy"),
    path("/automation", automation.token_list, name="console_automation"),
    path("/automation/new", automation.token_new, name="console_automation_new"),
    path("/automation/<int:token_id>/delete", automation.token_delete, name="console_automation_delete"),
    path("/audit", audit.audit, name="console_audit"),
    path("/audit/search", audit.search, name="console_audit_search"),
    path("/audit/export", audit.export, name="console_audit_export"),
    path("/audit/verify", audit.verify, name="console_audit_verify"),
]
