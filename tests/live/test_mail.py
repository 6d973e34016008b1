"""Mail, notices and webhooks of real servers, to a real mail server and a real receiver, on either database."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import World, make_world
from tests.support.receiver import Receiver, receiver
from tests.support.servers import Running, Site, site
from tests.support.smtp import PASSWORD, USER, Smtp, certificate_make, html_of, smtp_server, text_of

FROM = "Hopkey <hopkey@mail.test>"


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    folder: Path = tmp_path_factory.mktemp("smtp")
    with smtp_server(folder) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def mailing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smtp: Smtp) -> Iterator[World]:
    """A served site with a mail server, behind a proxy that says where requests come from."""
    folder: Path = tmp_path_factory.mktemp("site")
    environ = {"HOPKEY_SMTP_URL": smtp.url, "HOPKEY_MAIL_FROM": FROM, "HOPKEY_TRUSTED_PROXIES": "127.0.0.1/32"}
    with site(folder, request.param, **environ) as made:
        world = make_world(made)
        yield world


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    if "smtp" in request.fixturenames or "mailing" in request.fixturenames:
        request.getfixturevalue("smtp").clear()


def wait_until(site: Site, statement: str, expected: list[tuple[object, ...]], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while (found := site.sql(statement)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert found == expected


def quiet(world: World, smtp: Smtp) -> None:
    """Everything that waits is delivered, and forgotten."""
    wait_until(world.site, "SELECT count(*) FROM hopkey_mail WHERE state = 'queued'", [(0,)])
    smtp.clear()


def use_from(server: Running, world: World, token: str, address: str) -> int:
    given = {"X-Forwarded-For": address, "User-Agent": f"pipeline at {address}"}
    return server.collection(world.collection, token, **given).status


def test_generating_and_the_first_uses_from_networks(mailing: World, smtp: Smtp) -> None:
    """Through the real gate: each network once, however often and from whichever of its addresses it is used."""
    quiet(mailing, smtp)
    token = mailing.site.token("ben@example.com")
    (mail,) = smtp.wait_for(1)
    assert (mail["To"], str(mail["Subject"])) == ("ben@example.com", f"New token: {token['label']}")
    for address in ("203.0.113.7", "203.0.113.8", "203.0.113.7"):
        assert use_from(mailing.server, mailing, token["token"], address) == 200
    first = smtp.wait_for(2)[1]
    assert str(first["Subject"]) == f"{token['label']} was used for the first time"
    assert "203.0.113.7 (network 203.0.113.0/24)" in text_of(first)
    assert "pipeline at 203.0.113.7" in html_of(first)
    mailing.site.sql("UPDATE hopkey_token_place SET told_at = '2020-01-01' WHERE told_at IS NOT NULL")
    for _ in range(50):
        # The thief's one use in the midst of the pipeline's is not lost behind them.
        assert use_from(mailing.server, mailing, token["token"], "203.0.113.9") == 200
    assert use_from(mailing.server, mailing, token["token"], "198.51.100.66") == 200
    for _ in range(50):
        assert use_from(mailing.server, mailing, token["token"], "203.0.113.9") == 200
    second = smtp.wait_for(3)[2]
    assert str(second["Subject"]) == f"{token['label']} was used from a new network"
    assert "198.51.100.66" in text_of(second)
    assert "203.0.113" not in text_of(second)
    places = mailing.site.sql(f"SELECT network FROM hopkey_token_place WHERE token_id = {token['id']} ORDER BY id")
    assert places == [("203.0.113.0/24",), ("198.51.100.0/24",)]
    time.sleep(3)
    assert len(smtp.mails()) == 3
    assert token["token"] not in "".join(text_of(mail) + html_of(mail) for mail in smtp.mails())


def test_killed_between_commit_and_mail(mailing: World, smtp: Smtp) -> None:
    """What was committed is sent after the restart: whether nobody had begun with it, or somebody was in the midst."""
    quiet(mailing, smtp)
    mailing.server.kill()
    mailing.site.token("ana@example.com")
    assert mailing.site.sql("SELECT count(*) FROM hopkey_mail WHERE state = 'queued'") == [(1,)]
    smtp.answer("hang")
    in_the_midst = mailing.site.serve()
    wait_until(mailing.site, "SELECT count(*) FROM hopkey_mail WHERE claim <> ''", [(1,)])
    in_the_midst.kill()
    smtp.answer("250")
    mailing.server = mailing.site.serve()
    time.sleep(4)
    assert smtp.mails() == [], "the claim of the dead holds for a minute"
    mailing.site.sql("UPDATE hopkey_mail SET due_at = created_at WHERE state = 'queued'")
    smtp.wait_for(1)
    wait_until(mailing.site, "SELECT count(*) FROM hopkey_mail WHERE state = 'queued'", [(0,)])
    assert len(smtp.mails()) == 1


def test_two_nodes_send_each_mail_once(mailing: World, smtp: Smtp) -> None:
    quiet(mailing, smtp)
    second = mailing.site.serve()
    try:
        labels = [mailing.site.token("ana@example.com")["label"] for _ in range(6)]
        smtp.wait_for(6)
        time.sleep(3)
        assert sorted(str(mail["Subject"]) for mail in smtp.mails()) == sorted(f"New token: {text}" for text in labels)
    finally:
        second.stop()


def test_a_mail_server_that_fails_and_comes_back(mailing: World, smtp: Smtp) -> None:
    quiet(mailing, smtp)
    smtp.answer("451 greylisted")
    mailing.site.token("ana@example.com")
    wait_until(mailing.site, "SELECT attempts, claim FROM hopkey_mail WHERE state = 'queued'", [(1, "")])
    listed = mailing.site.admin("mail", "list", "--state", "queued")
    assert (len(listed), "451 greylisted" in listed[0]["error"]) == (1, True)
    smtp.answer("550 no such mailbox")
    mailing.site.sql("UPDATE hopkey_mail SET due_at = created_at WHERE state = 'queued'")
    wait_until(mailing.site, "SELECT count(*) FROM hopkey_mail WHERE state = 'failed'", [(1,)])
    smtp.answer("250")
    assert mailing.site.admin("mail", "retry", "all") == {"retried": 1}
    smtp.wait_for(1)


def test_webhooks_of_a_real_server(mailing: World, smtp: Smtp) -> None:
    with receiver() as there:
        made = mailing.site.admin("webhook", "add", "--url", there.url, "--event", "all")
        assert mailing.site.admin("webhook", "test", made["id"]) == {"id": made["id"], "status": 204}
        token = mailing.site.token("ben@example.com")
        assert use_from(mailing.server, mailing, token["token"], "192.0.2.1") == 200
        mailing.site.admin("token", "delete", token["id"])
        got = there.wait_for(3)
        assert all(item.is_signed_with(made["secret"]) for item in got)
        kinds = [item.event["type"] for item in got]
        assert (kinds[0], set(kinds) >= {"token.generated", "token.deleted"}) == ("webhook.test", True)
        assert token["token"] not in json.dumps([item.event for item in got])
        assert token["token"][17:49] not in json.dumps([item.event for item in got])
        (listed,) = mailing.site.admin("webhook", "list")
        assert (listed["enabled"], "secret" in listed) == (True, False)
        there.status = 500
        failed = mailing.site.command("admin", "webhook", "test", made["id"], "--json")
        assert (failed.returncode, json.loads(failed.stderr)["error"]) == (1, "webhook_not_delivered")
    assert mailing.site.admin("webhook", "disable", made["id"])["enabled"] is False
    assert mailing.site.admin("webhook", "enable", made["id"])["enabled"] is True
    assert mailing.site.admin("webhook", "delete", made["id"])["deleted"] is True


def test_maintenance_ends_with_its_server_while_the_mail_server_hangs(mailing: World, smtp: Smtp) -> None:
    quiet(mailing, smtp)
    other = mailing.site.serve()
    children = subprocess.run(["pgrep", "-P", str(other.process.pid)], capture_output=True, text=True, check=True)
    begun = time.monotonic()
    assert other.stop() == 0
    assert time.monotonic() - begun < 20
    for pid in children.stdout.split():
        assert not Path(f"/proc/{pid}").exists()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "site", "sqlite") as made:
        yield made


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_without_a_mail_server_the_log_says_so_and_holds_no_secret(bare: Site) -> None:
    bare.data_dir.mkdir()
    world = make_world(bare)
    world.server.stop()
    server = bare.serve(HOPKEY_LOG_LEVEL="debug")
    token = bare.token("ana@example.com")
    wait_until(bare, "SELECT count(*) FROM hopkey_mail WHERE state = 'queued'", [(0,)])
    server.stop()
    assert "mail is not set up (HOPKEY_SMTP_URL), so this was not sent: 'New token: " in server.output
    assert f"hkp_{token['token'][4:8]}" in server.output, "at this level with its text"
    assert token["token"] not in server.output
    assert bare.sql("SELECT DISTINCT state, length(body) FROM hopkey_mail") == [("unset", 0)]
    done = bare.command("admin", "mail", "test", "--to", "ana@example.com")
    assert (done.returncode, "Mail is not set up" in done.stderr) == (1, True)
    assert "mail: not set up\n" in bare.command("check").stdout


def test_check_and_the_test_mail_try_the_mail_server(bare: Site, tmp_path: Path) -> None:
    bare.data_dir.mkdir()
    bare.command("migrate")
    pair = certificate_make(tmp_path)
    with smtp_server(tmp_path / "mails", certificate=pair) as strict:
        good = f"smtp://{USER}:{PASSWORD}@localhost:{strict.port}?ca={pair[0]}"
        environ = {"HOPKEY_SMTP_URL": good, "HOPKEY_MAIL_FROM": FROM}
        done = bare.command("check", "--json", **environ)
        assert (done.returncode, json.loads(done.stdout)["mail"]) == (0, f"localhost:{strict.port}")
        done = bare.command("admin", "mail", "test", "--to", "ana@example.com", "--json", **environ)
        assert (done.returncode, json.loads(done.stdout)["sent"]) == (0, True)
        assert str(strict.mails()[0]["Subject"]) == "Hopkey can send mail"
        environ["HOPKEY_SMTP_URL"] = good.replace(PASSWORD, "wrong-password-of-smtp")
        for command in (["check"], ["admin", "mail", "test", "--to", "ana@example.com"]):
            done = bare.command(*command, **environ)
            assert done.returncode == 1
            assert "does not accept user and password" in done.stderr
            assert "wrong-password-of-smtp" not in done.stderr + done.stdout
    done = bare.command("serve", HOPKEY_SMTP_URL="smtp://u:hunter2@h/x")
    assert (done.returncode, "HOPKEY_SMTP_URL must be" in done.stderr, "hunter2" in done.stderr) == (2, True, False)
    done = bare.command("serve", HOPKEY_SMTP_URL="smtp://h")
    assert (done.returncode, "set HOPKEY_MAIL_FROM" in done.stderr) == (2, True)


def test_the_settings_name_no_secret_in_the_help(bare: Site) -> None:
    text = bare.command("serve", "--help").stdout
    assert "HOPKEY_SMTP_URL" in text
    assert not re.search(r"--smtp-url\b(?!-file)", text), "a flag would show the password in the process list"
