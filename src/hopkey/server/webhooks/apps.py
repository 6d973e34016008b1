from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "hopkey.server.webhooks"
    label = "webhooks"
