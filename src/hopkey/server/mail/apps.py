from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "hopkey.server.mail"
    label = "mail"
