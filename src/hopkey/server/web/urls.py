"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from hopkey.server.web.views import (
    collections,
    environments,
    home,
    imports,
    invitations,
    links,
    palette,
    profile,
    session,
    team_settings,
    team_tokens,
    teams,
    tokens,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in", session.sign_in, name="sign_in"),
    path("sign-out", session.sign_out, name="sign_out"),
    path("palette", palette.palette, name="palette"),
    path("theme", session.theme_set, name="theme"),
    path("welcome/<str:secret>", links.take, name="link_take"),
    path("welcome", links.welcome, name="welcome"),
    path("join/<str:secret>", invitations.take, name="invitation_take"),
    path("join", invitations.join, name="join"),
    path("profile", profile.profile, name="profile"),
    path("profile/tokens", tokens.token_list, name="tokens"),
    path("profile/tokens/new", tokens.token_new, name="token_new"),
    path("profile/tokens/<int:token_id>/delete", tokens.token_delete, name="token_delete"),
    path("teams/new", teams.team_new, name="team_new"),
    path("workspaces/<str:workspace_id>", collections.collection_list, name="workspace"),
    path("workspaces/<str:workspace_id>/environments", environments.environment_list, name="environments"),
    path("workspaces/<str:workspace_id>/import", imports.import_file, name="import"),
    path("workspaces/<str:workspace_id>/collections/<str:collection_id>", collections.collection, name="collection"),
    path(
        "workspaces/<str:workspace_id>/collections/<str:collection_id>/export",
        collections.collection_export,
        name="collection_export",
    ),
    path(
        "workspaces/<str:workspace_id>/collections/<str:collection_id>/delete",
        collections.collection_delete,
        name="collection_delete",
    ),
    path(
        "workspaces/<str:workspace_id>/environments/<str:environment_id>/export",
        environments.environment_export,
        name="environment_export",
    ),
    path(
        "workspaces/<str:workspace_id>/environments/<str:environment_id>/delete",
        environments.environment_delete,
        name="environment_delete",
    ),
    path("workspaces/<str:workspace_id>/tokens", team_tokens.token_list, name="team_tokens"),
    path("workspaces/<str:workspace_id>/settings", team_settings.settings, name="team_settings"),
    path("workspaces/<str:workspace_id>/delete", team_settings.delete, name="team_delete"),
    path(
        "workspaces/<str:workspace_id>/tokens/<int:token_id>/cut-off",
        team_tokens.cut_off,
        name="team_token_cut_off",
    ),
    path("workspaces/<str:workspace_id>/members", teams.members, name="members"),
    path("workspaces/<str:workspace_id>/members/<str:user_id>/role", teams.member_role, name="member_role"),
    path("workspaces/<str:workspace_id>/members/<str:user_id>/remove", teams.member_remove, name="member_remove"),
    path("workspaces/<str:workspace_id>/invitations", teams.invite, name="invite"),
    path(
        "workspaces/<str:workspace_id>/invitations/<str:invitation_id>/revoke",
        teams.invitation_revoke,
        name="invitation_revoke",
    ),
]
