from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "hopkey.server.audit"
    label = "audit"

    def ready(self) -> None:
        from hopkey.server.audit.install import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="hopkey.audit.install")
