"""Who one is, in a real browser: confirming a sign-in, sessions."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World
from tests.support.servers import PASSWORD
from tests.support.sessions import age_sign_ins


def accessible(page: Page) -> None:
    """axe finds nothing and nothing overflows, at 360 and 1280 pixels, light and dark."""
    before = page.viewport_size
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(250)  # colours fade over
            for item in Axe().run(page).response["violations"]:
                found[f"{theme} {width} {item['id']}"] = item["nodes"][0]["html"][:200]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found == {}
    if before:
        page.set_viewport_size(before)


def test_an_old_sign_in_is_confirmed_without_losing_what_was_typed(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/profile/tokens")
    page.get_by_role("link", name="Generate new token").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Label").fill("typed before")
    dialog.get_by_text("90 days").click()
    age_sign_ins(world.site, 61)
    dialog.get_by_role("button", name="Generate token").click()
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    accessible(page)
    page.get_by_label(re.compile("Password of")).fill("wrong")
    page.get_by_role("button", name="Confirm").click()
    assert page.get_by_role("alert").inner_text() == "This password is not right."
    page.get_by_label(re.compile("Password of")).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.locator("#token").wait_for()
    page.get_by_role("button", name="Copy token").click()
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=re.compile("typed before"))
    assert "in 90 days" in row.inner_text()
    row.get_by_role("link", name="Delete typed before").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete token").click()
    page.get_by_text("Deleted “typed before”").wait_for()


def test_signing_out_there(page: Page, world: World, browser: Browser) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    phone = browser.new_context(
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
    ).new_page()
    sign_in(phone, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile")
    page.get_by_role("link", name="Security").click()
    assert "this one" in page.get_by_role("row", name=re.compile("Chrome on Linux")).inner_text()
    row = page.get_by_role("row", name=re.compile("Safari on iPhone"))
    assert "127.0.0.1" in row.inner_text()
    accessible(page)
    row.get_by_role("button", name=re.compile("Sign out there")).click()
    page.get_by_text("Signed out there.").wait_for()
    assert not page.get_by_role("row", name=re.compile("Safari on iPhone")).count()
    phone.goto(f"{world.server.url}/profile")
    assert "/sign-in" in phone.url
    sign_in(phone, world.server.url, "ben@example.com")
    page.reload()
    page.get_by_role("button", name="Sign out everywhere else").click()
    page.get_by_text("1 session ended.").wait_for()
    phone.goto(f"{world.server.url}/profile")
    assert "/sign-in" in phone.url


@pytest.mark.parametrize("script", [True, False])
def test_confirming_works_without_script_too(browser: Browser, world: World, script: bool) -> None:
    page = browser.new_context(java_script_enabled=script).new_page()
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/profile/tokens/new")
    page.get_by_label("Label").fill("without script")
    age_sign_ins(world.site, 61)
    page.get_by_role("button", name="Generate token").click()
    page.get_by_label(re.compile("Password of")).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    assert page.locator("#token").inner_text().startswith("hkp_")
