"""Codes by mail, in a real browser and through a real mail server: signing in, making an account, confirming."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.test_identity import accessible, security
from tests.live.conftest import World, make_world
from tests.support.servers import PASSWORD, site
from tests.support.sessions import age_sign_ins
from tests.support.smtp import Smtp, smtp_server

FROM = {"HOPKEY_MAIL_FROM": "Hopkey <hopkey@mail.test>"}
SIGNUP = {"HOPKEY_SIGNUP": "domain", "HOPKEY_SIGNUP_DOMAINS": "corp.example"}


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp_server(tmp_path_factory.mktemp("smtp")) as made:
        yield made


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory, smtp: Smtp) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("site")
    with site(folder, "sqlite", HOPKEY_SMTP_URL=smtp.url, **FROM) as made:
        world = make_world(made)
        world.server.stop()
        world.server = made.serve(**SIGNUP)
        yield world


@pytest.fixture(autouse=True)
def _fresh(smtp: Smtp) -> None:
    smtp.clear()


def code_for(smtp: Smtp, address: str) -> str:
    message = smtp.mail_to(address)
    assert not re.search(r"\d{4}", str(message["Subject"]))
    text = message.get_body(("plain",))
    assert text is not None
    found = re.search(r"\d{4}-\d{4}", text.get_content())
    assert found is not None
    smtp.clear()
    return found.group()


def test_signing_in_and_confirming_with_a_mailed_code(page: Page, mailing: World, smtp: Smtp) -> None:
    url = mailing.server.url
    page.goto(f"{url}/profile/tokens/new")
    page.get_by_role("link", name="Mail me a code").click()
    accessible(page)
    page.get_by_label("E-mail").fill("ben@example.com")
    page.get_by_role("button", name="Mail me a code").click()
    page.get_by_role("heading", name="Enter the code").wait_for()
    accessible(page)
    page.get_by_label("Code").fill("0000-0000")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Code").fill(code_for(smtp, "ben@example.com"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/profile/tokens/new")
    page.get_by_label("Label").fill("after a mailed code")
    age_sign_ins(mailing.site, 61)
    page.get_by_role("button", name="Generate token").click()
    page.get_by_role("button", name="Mail me a code").click()
    accessible(page)
    page.get_by_label("Code from the mail").fill(code_for(smtp, "ben@example.com"))
    page.get_by_role("button", name="Confirm with the mailed code").click()
    assert page.locator("#token").inner_text().startswith("hkp_")
    page.get_by_role("button", name="Copy token").click()


def test_making_an_account_with_an_address_of_the_organisation(page: Page, mailing: World, smtp: Smtp) -> None:
    page.goto(f"{mailing.server.url}/sign-in")
    page.get_by_role("link", name="Make one").click()
    accessible(page)
    page.get_by_label("Name").fill("New Person")
    page.get_by_label("E-mail").fill("new@elsewhere.example")
    page.get_by_role("button", name="Continue").click()
    assert "addresses of corp.example" in page.get_by_role("alert").inner_text()
    page.get_by_label("E-mail").fill("new@corp.example")
    page.get_by_role("button", name="Continue").click()
    accessible(page)
    page.get_by_label("Code").fill(code_for(smtp, "new@corp.example"))
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Profile menu of New Person").wait_for()
    security(page, mailing.server.url)
    assert page.get_by_text("new@corp.example is confirmed").is_visible()
    page.get_by_role("link", name="Set the password").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.get_by_text("The new password is set.").first.wait_for()


def test_somebody_without_an_account_sees_the_same(browser: Browser, mailing: World, smtp: Smtp) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{mailing.server.url}/sign-in/code")
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_role("button", name="Mail me a code").click()
    assert page.get_by_role("heading", name="Enter the code").is_visible()
    message = smtp.mail_to("nobody@example.com")
    assert "Nobody signed in" in str(message["Subject"])
