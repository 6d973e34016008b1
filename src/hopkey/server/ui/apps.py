from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "hopkey.server.ui"
    label = "ui"
