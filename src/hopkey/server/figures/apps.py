from django.apps import AppConfig


class FiguresConfig(AppConfig):
    name = "hopkey.server.figures"
    label = "figures"
