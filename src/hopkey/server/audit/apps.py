from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "hopkey.server.audit"
    label = "audit"
