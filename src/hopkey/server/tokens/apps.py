from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "hopkey.server.tokens"
    label = "tokens"
