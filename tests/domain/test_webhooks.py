"""Webhooks: kept, signed, delivered to a real receiver, retried, disabled; never to where they must not go."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent
from hopkey.server.backoff import WEBHOOK
from hopkey.server.errors import DomainError
from hopkey.server.mail.models import Message
from hopkey.server.mail.selectors import body_open
from hopkey.server.notices.services import webhook_disabled_tell
from hopkey.server.sealing import SealBroken
from hopkey.server.webhooks import sending, services
from hopkey.server.webhooks.delivery import FAILING_DAYS, LEASE_SECONDS, webhook_deliver, webhook_prune
from hopkey.server.webhooks.events import WebhookEvent
from hopkey.server.webhooks.models import Delivery, Endpoint, State
from hopkey.server.webhooks.sending import Outcome, send
from hopkey.server.webhooks.services import Added, webhook_add, webhook_queue
from tests.conftest import People
from tests.domain.mailing import settings
from tests.support.receiver import Receiver, receiver
from tests.support.smtp import certificate_make

pytestmark = [pytest.mark.database, pytest.mark.django_db]
EVENT = WebhookEvent.TOKEN_EXPIRED


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def add(url: str, *events: str) -> Added:
    return webhook_add(url=url, events=events or [EVENT.value], by=OPERATOR)


def later(**given: float) -> datetime:
    return timezone.now() + timedelta(**given)


def code_of(call: Any, **given: Any) -> str:
    with pytest.raises(DomainError) as caught:
        call(**given, by=OPERATOR)
    return caught.value.code


def test_an_event_arrives_signed_and_is_kept_without_its_body(there: Receiver) -> None:
    made = add(there.url)
    there.answer = b"thank  you\x00\x1b[31m"
    assert webhook_queue(EVENT, [{"token": {"label": "nightly"}}]) == 1
    assert webhook_deliver() == 1
    (got,) = there.got
    assert got.is_signed_with(made.secret)
    assert not got.is_signed_with(services.secret_new())
    assert not got.is_signed_with(made.secret, now=time.time() + 301), "an old one was replayed"
    assert got.headers["content-type"] == "application/json"
    assert (got.event["type"], got.event["version"], got.event["data"]) == (EVENT, 1, {"token": {"label": "nightly"}})
    delivery = Delivery.objects.get()
    assert (delivery.key, delivery.state, delivery.status, delivery.payload) == (got.key, State.DELIVERED, 204, "")
    assert webhook_deliver() == 0


def test_only_those_who_want_an_event_get_it(there: Receiver) -> None:
    add(there.url + "/a", "token.deleted")
    off = add(there.url + "/b", EVENT.value)
    services.webhook_enabled_set(webhook_id=off.endpoint.pk, enabled=False, by=OPERATOR)
    assert webhook_queue(EVENT, [{}, {}]) == 0
    assert webhook_queue(WebhookEvent.TOKEN_DELETED, [{}, {}]) == 2
    assert webhook_queue(WebhookEvent.TOKEN_DELETED, []) == 0


def test_an_event_stands_or_falls_with_its_cause(there: Receiver) -> None:
    add(there.url)
    with contextlib.suppress(RuntimeError), transaction.atomic():
        webhook_queue(EVENT, [{}])
        raise RuntimeError
    assert webhook_deliver() == 0


def test_failing_then_succeeding_keeps_the_id_and_signs_anew(there: Receiver) -> None:
    made = add(there.url)
    webhook_queue(EVENT, [{}])
    there.status, there.answer = 500, b"broken"
    now = timezone.now()
    for tries in (1, 2, 3):
        webhook_deliver(now=now)
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempts, delivery.status) == (State.QUEUED, tries, 500)
        assert (delivery.error, delivery.answer) == ("it answered 500", "broken")
        wait = (delivery.due_at - now).total_seconds()
        assert 5 * 4 ** (tries - 1) * 0.75 <= wait <= 5 * 4 ** (tries - 1) * 1.25
        assert webhook_deliver(now=now + timedelta(seconds=wait - 1)) == 0
        now = delivery.due_at
    assert Endpoint.objects.get().failing_since is not None
    there.status = 200
    webhook_deliver(now=now)
    assert Delivery.objects.get().state == State.DELIVERED
    assert Endpoint.objects.get().failing_since is None
    assert len({got.key for got in there.got}) == 1, "what came already can be told by its id"
    assert all(got.is_signed_with(made.secret) for got in there.got)


def test_giving_up_and_trying_again_by_hand(there: Receiver) -> None:
    made = add(there.url)
    webhook_queue(EVENT, [{}])
    there.status = 503
    now = start = timezone.now()
    while Delivery.objects.filter(state=State.QUEUED).exists():
        webhook_deliver(now=now)
        now = max(Delivery.objects.get().due_at, now)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (State.FAILED, WEBHOOK.tries)
    assert timedelta(hours=20) < now - start < timedelta(hours=48)
    there.status = 204
    services.webhook_redeliver(webhook_id=made.endpoint.pk, delivery_id=delivery.pk, by=OPERATOR)
    webhook_deliver()
    assert there.got[-1].key == delivery.key
    given = {"webhook_id": made.endpoint.pk, "delivery_id": delivery.pk}
    assert code_of(services.webhook_redeliver, **given) == "delivery_not_failed"
    assert code_of(services.webhook_redeliver, **{**given, "delivery_id": 10**9}) == "delivery_not_found"


def test_a_redirect_is_not_followed(there: Receiver) -> None:
    with receiver() as elsewhere:
        there.status, there.location = 307, elsewhere.url
        add(there.url)
        webhook_queue(EVENT, [{}])
        webhook_deliver()
        assert (len(there.got), len(elsewhere.got)) == (1, 0)
    assert Delivery.objects.get().error == "it answered 307: redirects are not followed"


def test_one_that_is_gone_and_one_that_failed_for_days_are_disabled(there: Receiver) -> None:
    made = add(there.url)
    there.status = 410
    webhook_queue(EVENT, [{}])
    webhook_deliver()
    endpoint = Endpoint.objects.get()
    assert (endpoint.enabled, endpoint.disabled_why) == (False, "It answered 410 (gone).")
    services.webhook_enabled_set(webhook_id=made.endpoint.pk, enabled=True, by=OPERATOR)
    there.status = 500
    webhook_queue(EVENT, [{}, {}])
    webhook_deliver()
    assert Endpoint.objects.get().enabled
    webhook_deliver(now=later(days=FAILING_DAYS, minutes=1))
    endpoint = Endpoint.objects.get()
    assert (endpoint.enabled, "5 days" in endpoint.disabled_why) == (False, True)
    assert not Delivery.objects.filter(state=State.QUEUED).exists()
    last = AuditEvent.objects.filter(event="webhook.changed").first()
    assert last is not None
    assert (last.actor_label, last.detail["enabled"]) == ("server", False)


def test_administrators_are_told_that_one_was_disabled(there: Receiver, people: People) -> None:
    User.objects.filter(pk__in=[people.ana.pk, people.ed.pk]).update(is_administrator=True)
    User.objects.filter(pk=people.ed.pk).update(is_active=False)
    add(there.url + "/with-a-secret-path")
    there.status = 410
    webhook_queue(EVENT, [{}])
    webhook_deliver(on_disabled=webhook_disabled_tell)
    message = Message.objects.get()
    text = body_open(message).text
    assert (message.to, message.subject) == ("ana@example.com", f"A webhook was disabled: {there.url[:-5]}")
    assert "It answered 410 (gone)." in text
    assert "secret-path" not in text


def test_a_test_is_tried_once(there: Receiver) -> None:
    made = add(there.url)
    there.status = 500
    services.webhook_test(webhook_id=made.endpoint.pk, by=OPERATOR)
    webhook_deliver()
    assert Delivery.objects.get().state == State.FAILED
    services.webhook_enabled_set(webhook_id=made.endpoint.pk, enabled=False, by=OPERATOR)
    assert code_of(services.webhook_test, webhook_id=made.endpoint.pk) == "webhook_disabled"
    services.webhook_delete(webhook_id=made.endpoint.pk, by=OPERATOR)
    assert code_of(services.webhook_test, webhook_id=made.endpoint.pk) == "webhook_not_found"
    assert Delivery.objects.count() == 0


def test_the_secret_is_sealed_and_bound_to_its_webhook(there: Receiver) -> None:
    one, two = add(there.url), add(there.url + "2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hopkey_webhook")
        rows = cursor.fetchall()
    stored = repr([[bytes(value) if isinstance(value, memoryview) else value for value in row] for row in rows])
    assert "whsec_" not in stored
    assert one.secret.removeprefix("whsec_") not in stored
    assert one.secret not in repr(one)
    one.endpoint.secret = two.endpoint.secret
    with pytest.raises(SealBroken):
        services.secret_open(one.endpoint)
    Endpoint.objects.filter(pk=one.endpoint.pk).update(secret=two.endpoint.secret)
    webhook_queue(EVENT, [{}])
    webhook_deliver()
    failed = Delivery.objects.get(endpoint=one.endpoint)
    assert "cannot be opened" in failed.error
    assert len(there.got) == 1


@pytest.mark.parametrize(
    ("url", "events", "code"),
    [
        ("http://example.com", ["token.expired"], "webhook_url_invalid"),
        ("https://u:p@example.com", ["token.expired"], "webhook_url_invalid"),
        ("https://example.com", [], "webhook_events_invalid"),
        ("https://example.com", ["token.expired", "token.text"], "webhook_events_invalid"),
    ],
)
def test_bad_webhooks_are_refused(url: str, events: list[str], code: str) -> None:
    assert code_of(webhook_add, url=url, events=events) == code
    assert Endpoint.objects.count() == 0


def test_there_is_an_end_to_their_number() -> None:
    for number in range(services.ENDPOINTS):
        add(f"https://example.com/{number}")
    assert code_of(webhook_add, url="https://example.com", events=[EVENT.value]) == "too_many_webhooks"


def post(url: str, *, private: bool = True) -> Outcome:
    return send(url=url, key="msg_1", secret=services.secret_new(), body=b"{}", private=private)


def test_private_addresses_are_refused_where_the_setting_says_so(there: Receiver) -> None:
    assert "HOPKEY_WEBHOOK_PRIVATE" in post(there.url, private=False).error
    assert there.got == []
    add(there.url)
    webhook_queue(EVENT, [{}])
    with settings(HOPKEY_PUBLIC_URL="https://hopkey.example.com"):
        webhook_deliver()
    assert "HOPKEY_WEBHOOK_PRIVATE" in Delivery.objects.get().error


def answer_with(*addresses: str) -> Any:
    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return getaddrinfo


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0"])
def test_a_name_that_leads_to_metadata_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.socket, "getaddrinfo", answer_with(address))
    assert "nothing is sent to innocent.example.com" in post("https://innocent.example.com").error


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_judged(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is asked once, and the address that was judged is the one connected to."""
    asked = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **given: Any) -> Any:
        if host == "localhost":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return real(host, port, *args, **given)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert post(there.url.replace("127.0.0.1", "localhost")).delivered
    assert len(asked) == 1
    assert there.got[0].headers["host"].startswith("localhost:")


def test_plain_http_is_for_this_machine_whatever_a_name_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.socket, "getaddrinfo", answer_with("10.0.0.1"))
    assert post("http://localhost/").error == "plain http is for this machine itself only"


def test_tls_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = certificate_make(tmp_path)
    with receiver(pair) as there:
        url = there.url.replace("127.0.0.1", "localhost")
        assert "TLS did not work" in post(url).error
        monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
        assert post(url).delivered
        monkeypatch.setattr(sending.socket, "getaddrinfo", answer_with("127.0.0.1"))
        assert "TLS did not work" in post(url.replace("localhost", "hooks.example.com")).error
    assert len(there.got) == 1


def test_one_that_never_answers_or_never_ends_does_not_hold_us(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.3)
    there.wait = 2
    assert post(there.url).error == "it did not answer in time"
    there.wait, there.answer = 0, b"x" * 1_000_000
    outcome = post(there.url)
    assert outcome.delivered
    assert len(outcome.answer) <= sending.ANSWER_SHOWN
    assert "cannot be connected to" in post("http://127.0.0.1:1/").error
    assert "has no address" in post("https://nowhere.invalid/").error


def test_a_crash_between_delivery_and_mark_sends_again_under_the_same_id(there: Receiver) -> None:
    add(there.url)
    webhook_queue(EVENT, [{}])

    def dying(**given: Any) -> Outcome:
        send(**given)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        webhook_deliver(sender=dying)
    assert webhook_deliver(now=later(seconds=LEASE_SECONDS - 5)) == 0
    assert webhook_deliver(now=later(seconds=LEASE_SECONDS + 5)) == 1
    assert len({got.key for got in there.got}) == 1
    assert len(there.got) == 2
    assert Delivery.objects.get().state == State.DELIVERED


def test_old_deliveries_are_removed(there: Receiver) -> None:
    add(there.url)
    webhook_queue(EVENT, [{}])
    webhook_deliver()
    assert webhook_prune(before=later(days=-1)) == 0
    assert webhook_prune(before=later(days=1)) == 1
