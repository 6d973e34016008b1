"""The outbox: written with what it tells of, delivered to a real SMTP server, retried, given up, pruned."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.utils import timezone

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent
from hopkey.server.backoff import MAIL, URGENT
from hopkey.server.errors import DomainError
from hopkey.server.mail import services, transport
from hopkey.server.mail.backend import OutboxBackend
from hopkey.server.mail.delivery import LEASE_SECONDS, UNSET_KEPT, mail_deliver, mail_prune
from hopkey.server.mail.models import Message, State
from hopkey.server.mail.selectors import body_open, mail_counts
from hopkey.server.mail.services import mail_queue
from hopkey.server.mail.settings import is_set_up
from hopkey.server.mail.transport import Session, Unreachable
from hopkey.server.sealing import SealBroken
from hopkey.server.smtp_url import SmtpServer, smtp_url_read
from tests.domain.mailing import one_smtp, settings, smtp
from tests.support.servers import free_port
from tests.support.smtp import PASSWORD, USER, Smtp, certificate_make, html_of, smtp_server, text_of

__all__ = ["one_smtp", "smtp"]
pytestmark = [pytest.mark.database, pytest.mark.django_db]

LINK = "https://hopkey.example.com/join/s3cret-of-the-link"


def queue(to: str = "ana@example.com", **given: object) -> Message:
    context = {"by": "Bo <b>", "team": "Orders & more", "role": "viewer", "link": LINK, "days": 7}
    return mail_queue(to=to, template="team_invitation", context=context, secrets=("link",), **given)  # type: ignore[arg-type]


def later(**given: float) -> datetime:
    return timezone.now() + timedelta(**given)


def test_a_mail_is_delivered_with_both_texts_and_kept_without_them(smtp: Smtp) -> None:
    made = queue()
    assert mail_deliver() == 1
    (mail,) = smtp.mails()
    assert (mail["To"], mail["From"]) == ("ana@example.com", "Hopkey <hopkey@mail.test>")
    assert mail["Subject"] == "Bo <b> invites you to the team Orders & more"
    assert mail["Message-ID"] == f"<{made.key}@mail.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert LINK in text_of(mail)
    assert "Orders & more" in text_of(mail)
    assert "Orders &amp; more" in html_of(mail)
    assert "Bo &lt;b&gt; invites" in html_of(mail)
    made.refresh_from_db()
    assert (made.state, bytes(made.body), made.attempts, made.error) == (State.SENT, b"", 1, "")
    assert mail_deliver() == 0
    assert len(smtp.mails()) == 1


def test_a_mail_stands_or_falls_with_its_cause(smtp: Smtp) -> None:
    with contextlib.suppress(RuntimeError), transaction.atomic():
        queue()
        raise RuntimeError
    assert (mail_deliver(), Message.objects.count()) == (0, 0)


def test_what_is_secret_is_sealed_in_the_database(smtp: Smtp) -> None:
    made = queue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hopkey_mail")
        (row,) = cursor.fetchall()
    stored = b"".join(bytes(value) for value in row if isinstance(value, bytes | memoryview))
    assert stored
    assert b"s3cret" not in stored + repr(row).encode()
    assert LINK in body_open(made).text
    made.key = "0" * 32
    with pytest.raises(SealBroken):
        body_open(made)


def test_failing_then_succeeding(smtp: Smtp) -> None:
    made = queue()
    smtp.answer("451 come back later")
    waits = []
    now = timezone.now()
    for _ in range(3):
        mail_deliver(now=now)
        made.refresh_from_db()
        assert (made.state, made.claim) == (State.QUEUED, "")
        assert "451 come back later" in made.error
        waits.append((made.due_at - now).total_seconds())
        assert mail_deliver(now=now + timedelta(seconds=waits[-1] - 1)) == 0, "not before its time"
        now = made.due_at
    assert [round(wait / 30 / 2**number) for number, wait in enumerate(waits)] == [1, 1, 1]
    smtp.answer("250")
    mail_deliver(now=now)
    made.refresh_from_db()
    assert (made.state, made.attempts, made.error) == (State.SENT, 4, "")
    assert len(smtp.mails()) == 1


@pytest.mark.parametrize("answer", ["550 no such mailbox", "recipient 550 nobody of that name"])
def test_a_refusal_for_good_is_not_tried_again_but_can_be(smtp: Smtp, answer: str) -> None:
    made = queue()
    smtp.answer(answer)
    mail_deliver()
    made.refresh_from_db()
    assert (made.state, made.attempts) == (State.FAILED, 1)
    assert answer.removeprefix("recipient ") in made.error
    smtp.answer("250")
    services.mail_retry(message_id=made.pk, by=OPERATOR)
    mail_deliver()
    made.refresh_from_db()
    assert made.state == State.SENT
    assert LINK in text_of(smtp.mails()[0])
    assert set(AuditEvent.objects.values_list("event", flat=True)) >= {"mail.retried"}


def test_giving_up_after_so_many_tries(smtp: Smtp) -> None:
    made, urgent = queue(), queue(urgent=True)
    smtp.answer("451 never")
    now = start = timezone.now()
    ended = {}
    while Message.objects.filter(state=State.QUEUED).exists():
        mail_deliver(now=now)
        for item in Message.objects.filter(state=State.FAILED):
            ended.setdefault(item.pk, now)
        waiting = Message.objects.filter(state=State.QUEUED).order_by("due_at").first()
        now = waiting.due_at if waiting else now
    made.refresh_from_db()
    assert made.attempts == MAIL.tries
    assert timedelta(hours=14) < ended[made.pk] - start < timedelta(hours=27)
    assert timedelta(minutes=6) < ended[urgent.pk] - start < timedelta(minutes=14)
    assert Message.objects.get(pk=urgent.pk).attempts == URGENT.tries


def test_a_server_that_is_down_costs_every_mail_one_try_and_one_connection(smtp: Smtp) -> None:
    ids = [queue(f"u{number}@example.com").pk for number in range(30)]
    opened = []

    @contextlib.contextmanager
    def down(server: SmtpServer) -> Iterator[Session]:
        opened.append(server)
        with transport.session(SmtpServer("127.0.0.1", free_port(), "none")) as session:
            yield session

    mail_deliver(connect=down)
    assert len(opened) == 1
    assert set(Message.objects.values_list("state", "attempts")) == {("queued", 1)}
    assert all("cannot be reached" in error for error in Message.objects.values_list("error", flat=True))
    moment = later(minutes=2)
    while mail_deliver(now=moment):
        pass
    assert len(smtp.mails()) == len(ids)


def test_the_server_going_away_in_the_middle_loses_and_doubles_nothing(smtp: Smtp) -> None:
    for number in range(3):
        queue(f"u{number}@example.com")

    class Breaking(Session):
        sent = 0

        def send(self, message: object) -> None:  # type: ignore[override]
            if self.sent == 1:
                raise Unreachable("the mail server closed the connection")
            type(self).sent += 1
            super().send(message)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def breaking(server: SmtpServer) -> Iterator[Session]:
        with transport.session(server) as session:
            yield Breaking(session._client)

    mail_deliver(connect=breaking)
    assert sorted(Message.objects.values_list("state", "attempts")) == [("queued", 1), ("queued", 1), ("sent", 1)]
    mail_deliver(now=later(minutes=2))
    assert sorted(mail["To"] for mail in smtp.mails()) == ["u0@example.com", "u1@example.com", "u2@example.com"]


def test_a_crash_between_delivery_and_mark_sends_again_under_the_same_id(smtp: Smtp) -> None:
    """At least once: the receiver can tell by the Message-ID."""
    made = queue()

    class Dying(Session):
        def send(self, message: object) -> None:  # type: ignore[override]
            super().send(message)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def dying(server: SmtpServer) -> Iterator[Session]:
        with transport.session(server) as session:
            yield Dying(session._client)

    with pytest.raises(KeyboardInterrupt):
        mail_deliver(connect=dying)
    assert mail_deliver(now=later(seconds=LEASE_SECONDS - 5)) == 0, "another node waits until the claim has run out"
    assert mail_deliver(now=later(seconds=LEASE_SECONDS + 5)) == 1
    ids = [mail["Message-ID"] for mail in smtp.mails()]
    assert ids == [f"<{made.key}@mail.test>"] * 2
    made.refresh_from_db()
    assert (made.state, made.attempts) == (State.SENT, 2)


def test_one_over_which_something_dies_each_time_ends(smtp: Smtp) -> None:
    made = queue()
    Message.objects.filter(pk=made.pk).update(attempts=MAIL.tries)
    mail_deliver()
    made.refresh_from_db()
    assert (made.state, smtp.mails()) == (State.FAILED, [])


def test_a_mail_that_comes_too_late_is_not_sent(smtp: Smtp) -> None:
    made = queue(useless_at=later(minutes=10), urgent=True)
    assert mail_deliver(now=later(minutes=11)) == 1
    made.refresh_from_db()
    assert (made.state, bytes(made.body), smtp.mails()) == (State.LATE, b"", [])


def test_urgent_mails_go_first(smtp: Smtp) -> None:
    for number in range(25):
        queue(f"u{number}@example.com")
    queue("code@example.com", urgent=True)
    mail_deliver()
    assert smtp.mails()[0]["To"] == "code@example.com"


def test_without_a_server_mail_goes_to_the_log_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    assert not is_set_up()
    made = queue()
    with caplog.at_level(logging.DEBUG, logger="hopkey.mail"):
        assert mail_deliver() == 1
    assert "mail is not set up (HOPKEY_SMTP_URL)" in caplog.text
    assert "[hidden]" in caplog.text
    assert "s3cret" not in caplog.text
    made.refresh_from_db()
    assert (made.state, bytes(made.body)) == (State.UNSET, b"")
    assert mail_deliver() == 0


def test_the_outbox_does_not_grow_for_ever() -> None:
    rows = [
        Message(key=f"{number:032}", to="a@example.com", state=State.UNSET, ended_at=later(days=-1))
        for number in range(UNSET_KEPT + 50)
    ]
    Message.objects.bulk_create(rows, batch_size=500)
    Message.objects.create(key="o" * 32, to="a@example.com", state=State.SENT, ended_at=later(days=-40))
    waiting = queue()
    assert mail_prune(before=later(days=-30)) == 51
    assert mail_counts()["unset"] == UNSET_KEPT
    assert Message.objects.filter(pk=waiting.pk).exists()


def test_discarding(smtp: Smtp) -> None:
    made = queue()
    services.mail_discard(message_id=made.pk, by=OPERATOR)
    made.refresh_from_db()
    assert (made.state, bytes(made.body), mail_deliver()) == (State.DISCARDED, b"", 0)
    for call, code in ((services.mail_discard, "mail_ended"), (services.mail_retry, "mail_not_failed")):
        with pytest.raises(DomainError) as caught:
            call(message_id=made.pk, by=OPERATOR)
        assert caught.value.code == code
    with pytest.raises(DomainError) as caught:
        services.mail_retry(message_id=10**9, by=OPERATOR)
    assert caught.value.code == "mail_not_found"


def test_headers_cannot_be_slipped_in(smtp: Smtp) -> None:
    mail_queue(
        to="ana@example.com",
        template="team_invitation",
        context={"by": "Bo\r\nBcc: eve@example.com", "team": "A\nB", "role": "viewer", "link": LINK, "days": 7},
        secrets=("link",),
    )
    mail_deliver()
    (mail,) = smtp.mails()
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject")) == 1


def test_what_libraries_mail_goes_through_the_outbox_too(smtp: Smtp) -> None:
    message = EmailMultiAlternatives("Code", "code 123456", to=["ana@example.com", "bo@example.com"])
    message.attach_alternative("<p>code 123456</p>", "text/html")
    assert OutboxBackend().send_messages([message]) == 2
    assert mail_deliver() == 2
    assert [text_of(mail).strip() for mail in smtp.mails()] == ["code 123456"] * 2
    assert "<p>code" in html_of(smtp.mails()[0])


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Smtp, Path]]:
    """A server that asks for TLS, user and password."""
    folder = tmp_path_factory.mktemp("strict")
    pair = certificate_make(folder)
    with smtp_server(folder / "mails", certificate=pair) as made:
        yield made, pair[0]


def test_starttls_with_sign_in(strict: tuple[Smtp, Path]) -> None:
    made, certificate = strict
    url = f"smtp://{USER}:{PASSWORD}@localhost:{made.port}?ca={certificate}"
    queue()
    with settings(HOPKEY_SMTP_URL=url, HOPKEY_MAIL_FROM="hopkey@mail.test"):
        mail_deliver()
    assert LINK in text_of(made.wait_for(1)[0])


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("smtp://{user}:wrong@localhost:{port}?ca={ca}", "does not accept user and password"),
        ("smtp://{user}:{password}@localhost:{port}", "certificate is not trusted"),
        ("smtps://{user}:{password}@localhost:{port}?ca={ca}", "TLS with the mail server did not work"),
        ("smtp://127.0.0.1:{plain}", "lacks what HOPKEY_SMTP_URL asks for"),
        ("smtp://127.0.0.1:1?tls=none", "cannot be reached"),
    ],
)
def test_connections_that_do_not_work_are_explained(
    strict: tuple[Smtp, Path], one_smtp: Smtp, url: str, text: str
) -> None:
    made, certificate = strict
    given = {"user": USER, "password": PASSWORD, "port": made.port, "ca": certificate, "plain": one_smtp.port}
    with pytest.raises(Unreachable) as caught, transport.session(smtp_url_read(url.format(**given))):
        pass
    assert text in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_an_address_from_a_file(smtp: Smtp, tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text(smtp.url + "\n")
    queue()
    with settings(HOPKEY_SMTP_URL="", HOPKEY_SMTP_URL_FILE=str(file)):
        mail_deliver()
    assert len(smtp.mails()) == 1
    queue()
    with settings(HOPKEY_SMTP_URL="", HOPKEY_SMTP_URL_FILE=str(tmp_path / "none")):
        mail_deliver()
    assert "which cannot be read" in Message.objects.get(state=State.QUEUED).error


@pytest.mark.django_db(transaction=True)
def test_nodes_that_deliver_at_once_send_each_mail_once(smtp: Smtp) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection; tests/live has two nodes on either database")
    for number in range(40):
        queue(f"u{number}@example.com")
    start = threading.Barrier(4)

    def node() -> None:
        start.wait()
        while mail_deliver():
            pass
        connection.close()

    threads = [threading.Thread(target=node) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail["To"] for mail in smtp.mails()) == sorted(f"u{number}@example.com" for number in range(40))
