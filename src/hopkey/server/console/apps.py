from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "hopkey.server.console"
    label = "console"
