"""Reading people with what they did, across domains."""

from __future__ import annotations

from django.db.models import OuterRef, Q, QuerySet, Subquery

from hopkey.server.accounts.models import User
from hopkey.server.tokens.models import Use


def person_list(*, text: str = "") -> QuerySet[User]:
    """Accounts by e-mail address, those whose name or address contains `text`; each with ``token_used_at``: when one
    of their tokens was last used. That is asked for the rows that are read, not for all.
    """
    uses = Use.objects.filter(token__owner=OuterRef("pk"), used_at__isnull=False).order_by("-used_at")
    people = User.objects.annotate(token_used_at=Subquery(uses.values("used_at")[:1])).order_by("email")
    return people.filter(Q(email__icontains=text) | Q(name__icontains=text)) if text else people
