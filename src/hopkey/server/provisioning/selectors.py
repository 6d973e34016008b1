"""Whom an identity provider finds here."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from hopkey.server.accounts.models import User
from hopkey.server.errors import NotFound
from hopkey.server.provisioning.models import Group


def people_in_view() -> QuerySet[User]:
    """Every account, with what the provider said about it at hand; not those it deleted, while they are deactivated."""
    withdrawn = Q(provisioned__withdrawn_at__isnull=False, is_active=False)
    return User.objects.select_related("provisioned").exclude(withdrawn)


def person_in_view(user_id: str) -> User:
    """Raises `NotFound` (``user_not_found``)."""
    user = people_in_view().filter(pk=user_id).first()
    if user is None:
        raise NotFound("user_not_found", "There is no account with this id.")
    return user


def group_get(group_id: str) -> Group:
    """Raises `NotFound` (``group_not_found``)."""
    group = Group.objects.select_related("team").filter(pk=group_id).first()
    if group is None:
        raise NotFound("group_not_found", "There is no group with this id.")
    return group


def group_list() -> QuerySet[Group]:
    return Group.objects.select_related("team").order_by("display_name", "pk")
