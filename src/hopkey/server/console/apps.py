"""The administrators' console."""

from __future__ import annotations

from django.apps import AppConfig

from hopkey.server.console.sections import SECTIONS
from hopkey.server.ui.places import Place, places_add


class ConsoleConfig(AppConfig):
    name = "hopkey.server.console"
    label = "console"

    def ready(self) -> None:
        places_add(*(Place("Console", text, address, administrators=True) for _, address, text in SECTIONS))
