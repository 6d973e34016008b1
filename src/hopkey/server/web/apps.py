from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "hopkey.server.web"
    label = "web"
