from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "hopkey.server.accounts"
    label = "accounts"
