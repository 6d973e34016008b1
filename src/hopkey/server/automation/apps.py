from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "hopkey.server.automation"
    label = "automation"
