"""Every token has its line of use, so that "never used" is an index look-up and not a search for what is missing."""

from django.db import migrations

FORWARD = (
    "UPDATE hopkey_token_use SET idle_since = used_at WHERE used_at IS NOT NULL",
    "INSERT INTO hopkey_token_use (token_id, used_at, idle_since, address, agent) "
    "SELECT t.id, NULL, t.created_at, '', '' FROM hopkey_token t "
    "WHERE NOT EXISTS (SELECT 1 FROM hopkey_token_use u WHERE u.token_id = t.id)",
)


class Migration(migrations.Migration):
    dependencies = [("tokens", "0002_oversight")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
