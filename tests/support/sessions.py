"""Letting time pass for the sessions of a served site."""

from __future__ import annotations

from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

from tests.support.servers import Site

_SALT = "django.contrib.sessions.SessionStore"


def age_sign_ins(site: Site, minutes: float) -> None:
    """Let every sign-in be some minutes longer ago. The site's own key signs what is written."""
    key = site.environ.get("HOPKEY_SECRET_KEY") or (site.data_dir / "secret.key").read_text("utf-8").strip()
    assert key != settings.SECRET_KEY
    for session_key, text in site.sql("SELECT session_key, session_data FROM django_session"):
        data = signing.loads(text, key=key, salt=_SALT, serializer=JSONSerializer)
        if "confirmed_at" in data:
            data["confirmed_at"] -= minutes * 60
        made = signing.dumps(data, key=key, salt=_SALT, serializer=JSONSerializer, compress=True)
        site.sql(f"UPDATE django_session SET session_data = '{made}' WHERE session_key = '{session_key}'")
