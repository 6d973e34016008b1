"""Console pages of mail and webhooks, and the tab of notices: who sees them, what they do and what they never show."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent
from hopkey.server.mail.models import Message, State
from hopkey.server.mail.services import INVITATIONS_A_DAY
from hopkey.server.notices.services import kinds_off
from hopkey.server.webhooks.events import WebhookEvent
from hopkey.server.webhooks.models import Delivery, Endpoint
from hopkey.server.webhooks.services import webhook_add, webhook_queue
from tests.conftest import People
from tests.domain.mailing import settings

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def boss(people: People) -> Client:
    User.objects.filter(pk=people.ana.pk).update(is_administrator=True)
    return client(people.ana)


def client(user: User) -> Client:
    made = Client()
    made.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    return made


def mail(state: State, **given: Any) -> Message:
    ended = None if state is State.QUEUED else timezone.now()
    fields = {"key": f"{Message.objects.count():032}", "to": "ana@example.com", "subject": f"It is {state}", **given}
    return Message.objects.create(state=state, ended_at=ended, **fields)


def test_only_administrators_find_these_pages(people: People) -> None:
    made = webhook_add(url="https://example.com/x", events=["token.expired"], by=OPERATOR).endpoint
    message = mail(State.FAILED)
    gets = [reverse("console_mail"), reverse("console_webhooks"), reverse("console_webhook", args=[made.pk])]
    posts = [
        reverse("console_mail_test"),
        reverse("console_mail_retry_failed"),
        reverse("console_mail_retry", args=[message.pk]),
        reverse("console_mail_discard", args=[message.pk]),
        reverse("console_webhooks"),
        *(reverse("console_webhook_act", args=[made.pk, act]) for act in ("test", "disable", "delete")),
        reverse("console_webhook_redeliver", args=[made.pk, 1]),
    ]
    for user in (people.ed, people.olga):
        assert {client(user).get(url).status_code for url in gets} == {404}
        assert {client(user).post(url).status_code for url in posts} == {404}
    for url in gets:
        assert Client().get(url).status_code == 302
    message.refresh_from_db()
    assert (message.state, Endpoint.objects.count(), Delivery.objects.count()) == (State.FAILED, 1, 0)


def test_the_outbox_says_what_became_of_each_mail(boss: Client) -> None:
    for state in State:
        mail(state, error="550 <b>nobody</b>" if state is State.FAILED else "")
    page = boss.get(reverse("console_mail")).content.decode()
    assert all(f"It is {state}" in page for state in State)
    assert "Mail is not set up." in page
    assert "550 &lt;b&gt;nobody&lt;/b&gt;" in page
    failed = boss.get(reverse("console_mail") + "?state=failed").content.decode()
    assert ("It is failed" in failed, "It is sent" in failed) == (True, False)
    assert boss.get(reverse("console_mail") + "?state=lost").status_code == 302
    with settings(HOPKEY_SMTP_URL="smtp://mail.example.com", HOPKEY_MAIL_FROM="h@example.com"):
        page = boss.get(reverse("console_mail")).content.decode()
    assert "Mail is not set up." not in page
    assert "Send a test mail to me" in page


def test_trying_again_and_discarding(boss: Client) -> None:
    one, two, three = mail(State.FAILED), mail(State.FAILED), mail(State.QUEUED)
    boss.post(reverse("console_mail_retry", args=[one.pk]))
    boss.post(reverse("console_mail_discard", args=[three.pk]))
    boss.post(reverse("console_mail_retry_failed"))
    states = dict(Message.objects.values_list("pk", "state"))
    assert states == {one.pk: "queued", two.pk: "queued", three.pk: "discarded"}
    answer = boss.post(reverse("console_mail_discard", args=[three.pk]), follow=True)
    assert "sent or discarded already" in answer.content.decode()
    boss.post(reverse("console_mail_test"))
    last = Message.objects.order_by("pk").last()
    assert last is not None
    assert (last.to, last.template, last.urgent) == ("ana@example.com", "test", True)
    actors = set(AuditEvent.objects.filter(event__startswith="mail.").values_list("event", "actor_label"))
    assert actors == {(f"mail.{act}", "ana@example.com") for act in ("retried", "discarded", "tested")}


def test_pages_of_many_mails(boss: Client, django_assert_max_num_queries: Any) -> None:
    Message.objects.bulk_create(
        [Message(key=f"{n:032}", to=f"u{n}@example.com", state=State.SENT, ended_at=timezone.now()) for n in range(70)]
    )
    seen: list[str] = []
    url = reverse("console_mail")
    while url:
        with django_assert_max_num_queries(10):
            page = boss.get(url).content.decode()
        seen += re.findall(r"u\d+@example", page)
        following = re.search(r'href="(\?[^"]*before[^"]*)" rel="next"', page)
        url = reverse("console_mail") + following.group(1).replace("&amp;", "&") if following else ""
    assert seen == [f"u{n}@example" for n in range(69, -1, -1)]


def test_a_webhook_shows_its_secret_once(boss: Client) -> None:
    url = reverse("console_webhooks")
    answer = boss.post(url, {"url": "https://hooks.example.com/x", "events": ["token.expired", "token.deleted"]})
    assert answer.status_code == 201
    secret = re.search(r"whsec_[\w+/=]+", answer.content.decode())
    assert secret is not None
    assert answer.headers["Cache-Control"] == "no-store"
    endpoint = Endpoint.objects.get()
    assert endpoint.events == ["token.deleted", "token.expired"]
    for page in (url, reverse("console_webhook", args=[endpoint.pk])):
        assert "whsec_" not in boss.get(page).content.decode()
    event = AuditEvent.objects.get(event="webhook.added")
    assert (event.subject_label, event.detail) == ("https://hooks.example.com", {"events": endpoint.events})


def test_a_bad_webhook_keeps_what_was_typed(boss: Client) -> None:
    answer = boss.post(reverse("console_webhooks"), {"url": "http://example.com/<x>", "events": ["token.deleted"]})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="http://example.com/&lt;x&gt;"' in page
    assert "plain http is for this machine itself only" in page
    assert page.count("checked") == 1


def test_what_one_does_with_a_webhook(boss: Client, django_assert_max_num_queries: Any) -> None:
    endpoint = webhook_add(url="https://example.com/x", events=["token.expired"], by=OPERATOR).endpoint
    webhook_queue(WebhookEvent.TOKEN_EXPIRED, [{}] * 40)
    Delivery.objects.update(state="failed", error="it answered 500", status=500, answer="<script>", attempts=12)
    page_url = reverse("console_webhook", args=[endpoint.pk])
    with django_assert_max_num_queries(10):
        page = boss.get(page_url).content.decode()
    assert ("&lt;script&gt;" in page, "<script>" in page.replace("<script type", ""), "before=" in page) == (
        True,
        False,
        True,
    )
    first = Delivery.objects.order_by("-pk")[0]
    boss.post(reverse("console_webhook_redeliver", args=[endpoint.pk, first.pk]))
    boss.post(reverse("console_webhook_act", args=[endpoint.pk, "test"]))
    assert Delivery.objects.filter(state="queued").count() == 2
    boss.post(reverse("console_webhook_act", args=[endpoint.pk, "disable"]))
    assert "Disabled." in boss.get(page_url).content.decode()
    assert Delivery.objects.filter(state="queued").count() == 0
    assert boss.post(reverse("console_webhook_act", args=[endpoint.pk, "test"])).status_code == 302
    boss.post(reverse("console_webhook_act", args=[endpoint.pk, "enable"]))
    assert boss.get(reverse("console_webhook_act", args=[endpoint.pk, "delete"])).status_code == 200
    assert boss.get(reverse("console_webhook_act", args=[endpoint.pk, "disable"])).status_code == 302
    assert boss.get(reverse("console_webhook_act", args=[endpoint.pk, "nonsense"])).status_code == 404
    assert Endpoint.objects.get().enabled
    boss.post(reverse("console_webhook_act", args=[endpoint.pk, "delete"]))
    assert (Endpoint.objects.count(), boss.get(page_url).status_code) == (0, 404)


def test_notices_are_switched_off_in_the_profile(people: People, boss: Client) -> None:
    url = reverse("notices")
    plain, administrator = client(people.ed).get(url).content.decode(), boss.get(url).content.decode()
    assert ("The week in figures" in plain, "The week in figures" in administrator) == (False, True)
    assert "Mail is not set up on this server" in plain
    assert plain.count("disabled") == 2
    client(people.ed).post(url, {"on": ["token.expired"]})
    assert kinds_off(people.ed) == {"token.expiring", "token.new_address", "token.stopped"}
    boss.post(url, {"on": ["token.expired", "token.expiring", "token.new_address", "token.stopped"]})
    assert kinds_off(people.ana) == {"digest.weekly"}
    assert Client().get(url).status_code == 302


def test_an_invitation_says_whether_it_was_mailed(people: People) -> None:
    url = reverse("invite", args=[people.team.pk])
    given = {"email": "new@example.com", "role": "VIEWER"}
    page = client(people.ana).post(url, given).content.decode()
    assert "Mail is not set up on this server: pass it on yourself." in page
    with settings(HOPKEY_SMTP_URL="smtp://mail.example.com", HOPKEY_MAIL_FROM="h@example.com"):
        page = client(people.ana).post(url, given).content.decode()
        assert "It is mailed to new@example.com too." in page
        assert "mailed" not in client(people.ana).post(url, {"role": "VIEWER"}).content.decode()
        for _ in range(INVITATIONS_A_DAY):
            page = client(people.ana).post(url, given).content.decode()
        assert "was mailed several invitations today" in page
    assert Message.objects.filter(to="new@example.com").count() == INVITATIONS_A_DAY, "nobody is pestered"
