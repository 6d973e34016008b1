"""Addresses of the administration by programs, below ``/v1/infra/``."""

from __future__ import annotations

from django.urls import path

from hopkey.server.api.infra import invitations, users, workspaces

_TEAM = "workspaces/<str:workspace_id>"

urlpatterns = [
    path("user-invitations", invitations.invitations),
    path("users", users.people),
    path("users/<str:uid>", users.person),
    path("users/<str:uid>/admin-status", users.person_admin_status),
    path("users/<str:uid>/deactivate", users.person_deactivate),
    path("users/<str:uid>/reactivate", users.person_reactivate),
    path("users/<str:uid>/workspaces", users.person_workspaces),
    path("workspaces", workspaces.teams),
    path(_TEAM, workspaces.team),
    path(f"{_TEAM}/members", workspaces.team_members),
    path(f"{_TEAM}/owners-count", workspaces.team_owners_count),
    path(f"{_TEAM}/editors-count", workspaces.team_editors_count),
    path(f"{_TEAM}/viewers-count", workspaces.team_viewers_count),
    path(f"{_TEAM}/user", workspaces.team_user),
    path(f"{_TEAM}/user/<str:uid>", workspaces.team_user_one),
    path(f"{_TEAM}/user/<str:uid>/role", workspaces.team_user_role),
    path(f"{_TEAM}/invitations", workspaces.team_invitations),
    path(f"{_TEAM}/invitations/<str:invitation_id>", workspaces.team_invitation),
]
