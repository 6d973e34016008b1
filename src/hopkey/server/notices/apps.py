from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "hopkey.server.notices"
    label = "notices"
