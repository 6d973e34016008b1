from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ChangesConfig(AppConfig):
    name = "hopkey.server.changes"
    label = "changes"

    def ready(self) -> None:
        from hopkey.server.changes.install import install_after_migrate

        post_migrate.connect(install_after_migrate, dispatch_uid="hopkey.changes.install")
