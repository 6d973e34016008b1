from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TokensConfig(AppConfig):
    name = "hopkey.server.tokens"
    label = "tokens"

    def ready(self) -> None:
        from hopkey.server.tokens.search import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="hopkey.tokens.search")
