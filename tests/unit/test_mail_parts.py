"""Pure parts of mail and webhooks: addresses, back-off, signatures, networks."""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopkey.server.backoff import MAIL, URGENT, WEBHOOK, Backoff
from hopkey.server.config import Config, ConfigError
from hopkey.server.notices.places import network_of
from hopkey.server.smtp_url import SmtpServer, smtp_url_read
from hopkey.server.webhooks.addresses import refusal
from hopkey.server.webhooks.events import payload_make
from hopkey.server.webhooks.sending import url_check
from hopkey.server.webhooks.signing import key_of, secret_new, signature


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, "starttls")),
        ("smtp://mail.example.com?tls=none", SmtpServer("mail.example.com", 25, "none")),
        ("smtps://u%40x:p%2Fw@mail.example.com", SmtpServer("mail.example.com", 465, "direct", "u@x", "p/w")),
        ("smtp://u:p@[::1]:2525/?tls=none", SmtpServer("::1", 2525, "none", "u", "p")),
        ("smtp://h?ca=/etc/ca.pem", SmtpServer("h", 587, "starttls", ca="/etc/ca.pem")),
    ],
)
def test_addresses_of_mail_servers(url: str, server: SmtpServer) -> None:
    assert smtp_url_read(url) == server
    assert "p/w" not in repr(smtp_url_read(url))


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:25",
        "http://mail.example.com",
        "smtp://",
        "smtp://u:hunter2@host:notaport",
        "smtp://u:hunter2@host/path",
        "smtp://u:hun#ter2@host",
        "smtp://u:hunter2@mail.example.com?tls=none",
        "smtp://u:hunter2@host?tls=maybe",
        "smtps://u:hunter2@host?tls=starttls",
        "smtp://u:hunter2@host?timeout=3",
    ],
)
def test_bad_addresses_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(smtp_url=url, mail_from="a@example.com")
    assert "HOPKEY_SMTP_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_mail_needs_a_sender() -> None:
    with pytest.raises(ConfigError, match="HOPKEY_MAIL_FROM"):
        Config(smtp_url="smtp://h")
    with pytest.raises(ConfigError, match="HOPKEY_MAIL_FROM"):
        Config(mail_from="nobody")
    with pytest.raises(ConfigError, match="HOPKEY_MAIL_FROM"):
        Config(mail_from="a@example.com\nBcc: b@example.com")
    config = Config(smtp_url="smtp://u:hunter2@h", mail_from="Hopkey <a@example.com>")
    assert "hunter2" not in repr(config)


def test_webhooks_reach_private_addresses_only_while_there_is_no_public_one() -> None:
    assert Config().webhooks_reach_private
    assert not Config(public_url="https://h.example.com").webhooks_reach_private
    assert Config(public_url="https://h.example.com", webhook_private="allow").webhooks_reach_private
    assert not Config(webhook_private="refuse").webhooks_reach_private
    with pytest.raises(ConfigError, match="auto, allow or refuse"):
        Config(webhook_private="yes")


@given(st.integers(1, 200), st.floats(0, 1))
def test_waiting_grows_is_bounded_and_ends(attempts: int, chance: float) -> None:
    for backoff in (MAIL, URGENT, WEBHOOK):
        seconds = backoff.seconds(attempts, chance)
        assert (seconds is None) == (attempts >= backoff.tries)
        if seconds is not None:
            assert backoff.first * 0.75 <= seconds <= backoff.longest * 1.25


def test_waiting_in_numbers() -> None:
    backoff = Backoff(first=10, factor=2, longest=35, tries=5)
    assert [backoff.seconds(number, 0.5) for number in range(1, 6)] == [10, 20, 35, 35, None]


def test_the_signature_of_the_published_example() -> None:
    made = signature(
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        key="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_long_and_different() -> None:
    assert len(key_of(secret_new())) == 32
    assert secret_new() != secret_new()
    for text in ("MfKQ", "whsec_*"):
        with pytest.raises(ValueError, match="secret"):
            key_of(text)


def test_the_form_of_a_body() -> None:
    body = json.loads(payload_make("token.expired", {"a": "ü"}, at=datetime(2026, 1, 2, 3, 4, 5, 678999, UTC)))
    assert body == {
        "type": "token.expired",
        "version": 1,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "data": {"a": "ü"},
    }


ALWAYS_REFUSED = [
    "169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "::", "224.0.0.1",
    "ff02::1", "255.255.255.255", "240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "192.0.0.192", "168.63.129.16", "::169.254.169.254",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "100.64.0.1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "127.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", ALWAYS_REFUSED)
def test_some_addresses_are_never_sent_to(text: str) -> None:
    assert refusal(ipaddress.ip_address(text), private=True)
    assert refusal(ipaddress.ip_address(text), private=False)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_sent_to_where_that_is_allowed(text: str) -> None:
    assert refusal(ipaddress.ip_address(text), private=True) == ""
    assert "HOPKEY_WEBHOOK_PRIVATE" in refusal(ipaddress.ip_address(text), private=False)


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_sent_to(text: str) -> None:
    assert refusal(ipaddress.ip_address(text), private=False) == ""


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "http://example.com/x", "https://", "https://u:p@example.com",
        "https://example.com/#x", "https://example.com/a b", "https://exämple.com", "https://h:99999", "http://10.0.0.1/",
        "https://example.com/\r\nX: y", "https://" + "a" * 2000,
    ],
)  # fmt: skip
def test_addresses_that_no_webhook_can_have(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        url_check(url)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/x?y=z", "http://127.0.0.1:1/", "http://localhost/"]
)
def test_addresses_of_webhooks(url: str) -> None:
    assert url_check(f" {url} ") == url


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unix", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network
