"""What happened, who did it and to what: appended, never changed."""

from __future__ import annotations

from enum import StrEnum

from django.db import models


class Event(StrEnum):
    """Every kind of audit event. Values are stored: they are added to, never renamed (docs/audit.md lists them)."""

    SIGNED_IN = "session.signed_in"
    SIGN_IN_FAILED = "session.sign_in_failed"
    SIGNED_OUT = "session.signed_out"
    SESSION_CONFIRMED = "session.confirmed"
    SESSION_CONFIRM_FAILED = "session.confirm_failed"
    SESSION_ENDED = "session.ended"
    SECOND_FACTOR_FAILED = "session.second_factor_failed"
    SIGN_IN_REFUSED = "session.sign_in_refused"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_PASSWORD_SET = "user.password_set"  # noqa: S105 - the name of an event
    USER_LINK_ISSUED = "user.link_issued"
    USER_INVITED = "user.invited"
    USER_INVITE_REVOKED = "user.invite_revoked"
    USER_DEACTIVATED = "user.deactivated"
    USER_REACTIVATED = "user.reactivated"
    USER_DELETED = "user.deleted"
    USER_ADMINISTRATOR_SET = "user.administrator_set"
    USER_EMAIL_PROVEN = "user.email_proven"
    USER_TOTP_ADDED = "user.totp_added"
    USER_TOTP_REMOVED = "user.totp_removed"
    USER_PASSKEY_ADDED = "user.passkey_added"
    USER_PASSKEY_REMOVED = "user.passkey_removed"
    USER_RECOVERY_CODES_MADE = "user.recovery_codes_made"
    USER_RECOVERY_CODE_USED = "user.recovery_code_used"
    USER_FACTORS_REMOVED = "user.factors_removed"
    USER_OIDC_LINKED = "user.oidc_linked"
    USER_OIDC_UNLINKED = "user.oidc_unlinked"
    USER_SIGNED_OUT = "user.signed_out_everywhere"
    USER_WITHDRAWN = "user.withdrawn"
    GROUP_CREATED = "group.created"
    GROUP_CHANGED = "group.changed"
    GROUP_DELETED = "group.deleted"
    TEAM_CREATED = "team.created"
    TEAM_RENAMED = "team.renamed"
    TEAM_DELETED = "team.deleted"
    MEMBER_ADDED = "member.added"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    INVITATION_CREATED = "invitation.created"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_ACCEPTED = "invitation.accepted"
    COLLECTION_IMPORTED = "collection.imported"
    COLLECTION_DELETED = "collection.deleted"
    ENVIRONMENT_IMPORTED = "environment.imported"
    ENVIRONMENT_DELETED = "environment.deleted"
    TOKEN_GENERATED = "token.generated"  # noqa: S105
    TOKEN_DELETED = "token.deleted"  # noqa: S105
    TOKEN_REFUSED = "token.refused"  # noqa: S105
    TOKEN_CUT_OFF = "token.cut_off"  # noqa: S105
    AUTOMATION_TOKEN_GENERATED = "automation.token_generated"  # noqa: S105
    AUTOMATION_TOKEN_DELETED = "automation.token_deleted"  # noqa: S105
    POLICY_CHANGED = "policy.changed"
    AUDIT_PRUNED = "audit.pruned"
    AUDIT_EXPORTED = "audit.exported"
    TOKENS_EXPORTED = "token.exported"
    NOTICES_CHANGED = "notices.changed"
    MAIL_TESTED = "mail.tested"
    MAIL_RETRIED = "mail.retried"
    MAIL_DISCARDED = "mail.discarded"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_REDELIVERED = "webhook.redelivered"


class AuditEvent(models.Model):
    """One event. Subjects and actors are texts, not foreign keys: the record outlives what it speaks of.

    No secret ever stands here: tokens appear as their public id.
    """

    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=40)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=254, blank=True)
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_label = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "hopkey_audit_event"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["event", "id"], name="audit_event_kind"),
            models.Index(fields=["actor_id", "id"], name="audit_event_actor"),
            models.Index(fields=["subject_id", "id"], name="audit_event_subject"),
            models.Index(fields=["actor_label", "id"], name="audit_event_actor_label"),
            models.Index(fields=["subject_label", "id"], name="audit_event_subject_label"),
        ]


class AuditLink(models.Model):
    """The place of one event in the chain, and the hash over it and everything before it (docs/audit.md).

    Written by the database itself (`hopkey.server.audit.install`) for every event, whoever inserts it.
    """

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.DO_NOTHING, related_name="link", db_constraint=False)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "hopkey_audit_link"


class AuditHead(models.Model):
    """The one row that says where the chain ends, and where it begins since old events were removed.

    ``kept_from``: events before it may be deleted; null: none.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)
    pruned_seq = models.BigIntegerField(default=0)
    pruned_hash = models.CharField(max_length=64)
    kept_from = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_audit_head"
