"""Where tokens were last used from before places were kept is no news."""

from typing import Any

from django.db import migrations

from hopkey.server.notices.places import network_of

CHUNK = 2000


def known(apps: Any, schema_editor: Any) -> None:
    use_model, place_model = apps.get_model("tokens", "Use"), apps.get_model("notices", "Place")
    uses = use_model.objects.exclude(used_at=None).exclude(address="").order_by("pk")
    batch = []
    for use in uses.iterator(chunk_size=CHUNK):
        network = network_of(use.address)
        if network:
            batch.append(
                place_model(
                    token_id=use.pk,
                    network=network,
                    address=use.address,
                    agent=use.agent,
                    seen_at=use.used_at,
                    told_at=use.used_at,
                )
            )
        if len(batch) >= CHUNK:
            place_model.objects.bulk_create(batch, batch_size=500)
            batch = []
    place_model.objects.bulk_create(batch, batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ("notices", "0001_initial"),
        ("tokens", "0003_use_of_every_token"),
    ]

    operations = [migrations.RunPython(known, migrations.RunPython.noop)]
