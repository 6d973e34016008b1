"""The pages of people and teams."""

from __future__ import annotations

from django.apps import AppConfig

from hopkey.server.ui.places import Place, places_add


class WebConfig(AppConfig):
    name = "hopkey.server.web"
    label = "web"

    def ready(self) -> None:
        places_add(
            Place("Settings", "Generate new token", "token_new", "personal access token create"),
            Place("Settings", "Personal Access Tokens", "tokens", "pat"),
            Place("Settings", "Profile settings", "profile", "name e-mail account"),
            Place("Settings", "Security", "security", "password passkey second factor sessions devices"),
            Place("Settings", "Notices", "notices", "mail"),
            Place("Settings", "New team", "team_new", "create workspace"),
        )
