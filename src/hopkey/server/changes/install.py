"""Installing the triggers that write the change log: idempotent, after every migration."""

from __future__ import annotations

import secrets
from typing import Any

from django.apps import apps
from django.db import connections, transaction

from hopkey.server.changes import triggers_postgresql, triggers_sqlite
from hopkey.server.changes.watched import WATCHED


def install_after_migrate(*, using: str = "default", **_: Any) -> None:
    """Handler of Django's ``post_migrate``: once per migrated application; works as soon as every table is there."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    needed = {watched.table for watched in WATCHED} | {"hopkey_change_head", "hopkey_change"}
    if needed <= tables:
        install(using)


def install(using: str = "default") -> None:
    """Make sure of the head row and of every trigger."""
    connection = connections[using]
    head = apps.get_model("changes", "ChangeHead")
    module = triggers_postgresql if connection.vendor == "postgresql" else triggers_sqlite
    with transaction.atomic(using=using), connection.cursor() as cursor:
        head.objects.using(using).get_or_create(id=1, defaults={"nonce": secrets.token_hex(16)})
        if connection.vendor == "postgresql":
            # Two nodes that start at once must not replace the same trigger at the same time.
            cursor.execute("SELECT pg_advisory_xact_lock(7204213)")
        if module.installed(cursor):
            return
        for statement in module.statements():
            cursor.execute(statement)
