"""Mail, webhooks and notices in a real browser: as administrator, as owner, and as one who must be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World, make_world
from tests.support.receiver import receiver
from tests.support.servers import site
from tests.support.smtp import Smtp, html_of, smtp_server


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp_server(tmp_path_factory.mktemp("smtp")) as made:
        yield made


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory, smtp: Smtp) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("site")
    environ = {"HOPKEY_SMTP_URL": smtp.url, "HOPKEY_MAIL_FROM": "Hopkey <hopkey@mail.test>"}
    with site(folder, "sqlite", **environ) as made:
        yield make_world(made)


@pytest.fixture(autouse=True)
def _fresh(smtp: Smtp) -> None:
    smtp.clear()


def reload_until(page: Page, text: str) -> None:
    for _ in range(80):
        if page.get_by_text(text, exact=True).count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(f"{text} did not come")


def faults(page: Page) -> list[str]:
    return [item["id"] for item in Axe().run(page).response["violations"]]


def test_an_administrator_adds_a_webhook_and_sees_it_work(page: Page, mailing: World) -> None:
    with receiver() as there:
        sign_in(page, mailing.server.url, "ana@example.com")
        page.goto(f"{mailing.server.url}/console")
        page.get_by_role("link", name="Webhooks").click()
        page.get_by_label("Address", exact=True).fill("http://example.com/hook")
        page.get_by_role("button", name="Add webhook").click()
        assert "plain http is for this machine itself only" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("Address", exact=True).input_value() == "http://example.com/hook"
        page.get_by_label("Address", exact=True).fill(there.url)
        page.get_by_role("button", name="Add webhook").click()
        secret = page.locator("#secret").inner_text()
        page.get_by_role("button", name="Copy secret").click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == secret
        page.get_by_role("link", name="Go on to the webhook").click()
        assert secret not in page.content()
        page.get_by_role("button", name="Send a test event").click()
        reload_until(page, "delivered")
        assert there.got[0].is_signed_with(secret)
        there.status = 500
        page.get_by_role("button", name="Send a test event").click()
        reload_until(page, "failed")
        assert "it answered 500" in page.content()
        there.status = 204
        page.get_by_role("button", name=re.compile("Try again")).click()
        page.get_by_text("It is tried again").first.wait_for()
        there.wait_for(3)
        assert there.got[2].key == there.got[1].key
        page.get_by_role("link", name="Delete…").click()
        page.get_by_role("button", name="Delete webhook").click()
        page.get_by_text(f"Deleted the webhook to {there.url}.").first.wait_for()


def test_an_administrator_sees_what_became_of_mails(page: Page, mailing: World, smtp: Smtp) -> None:
    sign_in(page, mailing.server.url, "ana@example.com")
    page.goto(f"{mailing.server.url}/console/mail")
    smtp.answer("550 no such mailbox")
    page.get_by_role("button", name="Send a test mail to me").click()
    page.get_by_text("is on its way").first.wait_for()
    page.get_by_role("navigation", name="State of mails").get_by_role("link", name="Failed").click()
    reload_until(page, "Hopkey can send mail")
    assert "550 no such mailbox" in page.content()
    smtp.answer("250")
    page.get_by_role("button", name=re.compile("Try again")).click()
    page.get_by_role("navigation", name="State of mails").get_by_role("link", name=re.compile("^Sent")).click()
    reload_until(page, "Hopkey can send mail")


def test_an_owner_switches_notices_off(page: Page, mailing: World) -> None:
    sign_in(page, mailing.server.url, "ben@example.com")
    page.goto(f"{mailing.server.url}/profile")
    page.get_by_role("navigation", name="Profile settings").get_by_role("link", name="Notices").click()
    assert page.get_by_label("A token was generated").is_disabled()
    page.get_by_label("A token is used from a new network").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").first.wait_for()
    assert not page.get_by_label("A token is used from a new network").is_checked()
    assert page.get_by_label("A token has expired").is_checked()


def test_others_find_nothing(page: Page, mailing: World) -> None:
    sign_in(page, mailing.server.url, "ben@example.com")
    for path in ("/console/mail", "/console/webhooks", "/console/webhooks/c0"):
        answer = page.goto(mailing.server.url + path)
        assert answer is not None
        assert answer.status == 404
        assert "@mail.test" not in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_and_mails_are_accessible_on_a_phone_and_on_a_screen(
    browser: Browser, mailing: World, smtp: Smtp, scheme: str
) -> None:
    made = mailing.site.admin("webhook", "add", "--url", "https://hooks.invalid/a/long/path", "--event", "all")
    mailing.site.admin("webhook", "disable", made["id"])
    mailing.site.token("ben@example.com")
    smtp.wait_for(1)
    for width in (360, 1440):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        sign_in(page, mailing.server.url, "ana@example.com")
        for path in ("/console/mail", "/console/webhooks", f"/console/webhooks/{made['id']}", "/profile/notices",
                     f"/console/webhooks/{made['id']}/delete"):  # fmt: skip
            page.goto(mailing.server.url + path)
            assert (path, width, faults(page)) == (path, width, [])
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert (path, wide) == (path, width), "nothing sticks out"
        page.goto("about:blank")
        page.set_content(html_of(smtp.mails()[-1]))
        assert (width, faults(page)) == (width, [])
        assert page.evaluate("document.documentElement.scrollWidth") == width
        context.close()
    mailing.site.admin("webhook", "delete", made["id"])
