"""Fixtures of more than one module here."""

from __future__ import annotations

import pytest
from django.test import Client

from hopkey.server.accounts.models import User
from tests.conftest import People
from tests.domain.test_pages import client_of


@pytest.fixture
def console(people: People) -> Client:
    """Ana, the only administrator, in her browser."""
    User.objects.filter(pk=people.ana.pk).update(is_administrator=True)
    people.ana.refresh_from_db()
    return client_of(people.ana)
