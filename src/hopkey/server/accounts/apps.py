from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "hopkey.server.accounts"
    label = "accounts"

    def ready(self) -> None:
        from allauth.account.signals import user_logged_in as signed_in_by_allauth
        from allauth.usersessions.signals import on_user_logged_in
        from django.contrib.auth.signals import user_logged_in

        from hopkey.server.accounts.search import install_after_migrate
        from hopkey.server.accounts.sessions import session_begun

        user_logged_in.connect(session_begun, dispatch_uid="hopkey.accounts.session_begun")
        # It would list the same session again, and read every session of the account one by one.
        signed_in_by_allauth.disconnect(on_user_logged_in)
        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="hopkey.accounts.search")
