"""What an identity provider says about people beyond their account, and its groups."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from hopkey.server.ids import new_id
from hopkey.server.workspaces.models import ROLE_CHOICES


class Provisioned(models.Model):
    """What the identity provider said about somebody, kept as it was said. An account made by hand has no row.

    ``withdrawn_at``: the provider deleted this person. While the account stays deactivated the provider finds nobody
    there; an administrator who reactivates it brings it back into view.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="provisioned"
    )
    external_id = models.CharField(max_length=200, blank=True, db_index=True)
    display_name = models.CharField(max_length=200, blank=True)
    given_name = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100, blank=True)
    formatted = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_provisioned"


class ProvisionedAddress(models.Model):
    """An e-mail address the provider lists. Only for the provider: people sign in with the one of their account."""

    person = models.ForeignKey(Provisioned, on_delete=models.CASCADE, related_name="addresses")
    value = models.CharField(max_length=254)
    kind = models.CharField(max_length=40, blank=True)
    primary = models.BooleanField(null=True)

    class Meta:
        db_table = "hopkey_provisioned_address"
        ordering = ["pk"]
        indexes = [models.Index(Lower("value"), name="provisioned_address_value")]


class Group(models.Model):
    """A group of the provider: its members have ``role`` in ``team``. Several groups may lead into one team."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    display_name = models.CharField(max_length=150)
    external_id = models.CharField(max_length=200, blank=True, db_index=True)
    team = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="groups")
    role = models.CharField(max_length=8, choices=ROLE_CHOICES)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_group"
        constraints = [models.UniqueConstraint(Lower("display_name"), name="group_name_any_case_unique")]

    def __str__(self) -> str:
        return self.display_name


class GroupMember(models.Model):
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="groups")

    class Meta:
        db_table = "hopkey_group_member"
        constraints = [models.UniqueConstraint(fields=["group", "user"], name="group_member_once")]


class Standing(models.Model):
    """Somebody who is in a team by a group. ``own_role``: the role they had been given by hand before; empty: none."""

    team = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    own_role = models.CharField(max_length=8, blank=True)

    class Meta:
        db_table = "hopkey_group_standing"
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="group_standing_once")]
