import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who invites somebody to have an account: it holds as long as they are an administrator."""

    dependencies = [
        ("accounts", "0005_user_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="onetimelink",
            name="inviter",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]
