from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "hopkey.server.accounts"
    label = "accounts"

    def ready(self) -> None:
        from hopkey.server.accounts.search import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="hopkey.accounts.search")
