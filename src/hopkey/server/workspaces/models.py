"""Personal and team workspaces, who is in them, and what they hold."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.utils import timezone

from hopkey.server.ids import new_id


class Kind(StrEnum):
    PERSONAL = "personal"
    TEAM = "team"


class Role(StrEnum):
    """What a member may do: an owner governs, an editor writes, a viewer reads. Any of them may read by token."""

    OWNER = "OWNER"
    EDITOR = "EDITOR"
    VIEWER = "VIEWER"


ROLE_CHOICES = [(role.value, role.value.capitalize()) for role in Role]


class Workspace(models.Model):
    """A place for collections and environments. ``kind`` never changes.

    A personal one has an ``owner`` and no members, and no token ever reaches it; a team has members and no owner
    field.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in Kind])
    name = models.CharField(max_length=100)
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="personal_workspace"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_workspace"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="personal", owner__isnull=False) | models.Q(kind="team", owner__isnull=True),
                name="workspace_owner_if_personal",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a team, with a role."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=ROLE_CHOICES)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_membership"
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]


class Invitation(models.Model):
    """A link into a team with a role, for one person, once. Only the SHA-256 digest of its secret is kept.

    ``email`` empty: whoever holds the link may use it; else only that address. ``inviter`` None: an operator.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    digest = models.BinaryField(max_length=32, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=8, choices=ROLE_CHOICES)
    email = models.EmailField(max_length=254, blank=True)
    inviter = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "hopkey_invitation"


class Collection(models.Model):
    """A collection, or a folder in one (``parent`` set). ``root_id`` is the id of the collection at the top.

    ``data`` is a JSON object in the newest schema: auth, headers, variables, description, preRequestScript,
    testScript, and ``_ref_id`` where the file had one. A collection is read whole by ``root_id`` with two queries.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="collections")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="folders")
    root_id = models.CharField(max_length=32, db_index=True)
    position = models.IntegerField()
    title = models.CharField(max_length=500)
    data = models.TextField(default="{}")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_collection"
        ordering = ["position", "id"]


class Request(models.Model):
    """A request in a collection or folder: ``body`` is the REST request as JSON in the newest schema."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="requests")
    root_id = models.CharField(max_length=32, db_index=True)
    position = models.IntegerField()
    title = models.CharField(max_length=500)
    body = models.TextField()

    class Meta:
        db_table = "hopkey_request"
        ordering = ["position", "id"]


class Environment(models.Model):
    """Variables by name: ``variables`` is a JSON array of {key, secret, initialValue, currentValue}.

    The values of secret variables are never stored (services blank them): they come from the environment of the
    run.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=500)
    variables = models.TextField(default="[]")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_environment"
        ordering = ["name", "id"]
