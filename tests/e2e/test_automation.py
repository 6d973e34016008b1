"""An administrator and the automation tokens, in a real browser."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World
from tests.support.servers import HTTP


def test_from_the_first_token_to_its_end(page: Page, world: World) -> None:
    """Generate, copy, provision somebody with it, see the use and the trail, delete, be refused."""
    url = world.server.url
    sign_in(page, url, "ana@example.com")
    page.goto(f"{url}/console/automation")
    page.get_by_role("heading", name="No automation tokens yet").wait_for()
    page.get_by_role("link", name="Generate new token").first.click()
    form = page.get_by_role("dialog", name="Generate new automation token")
    form.get_by_role("textbox", name="Label").fill("identity provider")
    form.get_by_role("radio", name=re.compile("^Provisioning")).check()
    form.get_by_role("button", name="Generate token").click()
    page.get_by_role("heading", name="Automation token “identity provider” generated").wait_for()
    text = page.locator("#token").inner_text()
    assert re.fullmatch(r"hki_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", text)
    page.get_by_role("button", name="Copy token").click()
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert page.locator("#scim").inner_text() == f"{url}/scim/v2"

    bearer = {"Authorization": f"Bearer {text}", "Content-Type": "application/scim+json"}
    made = HTTP.request("POST", f"{url}/scim/v2/Users", body='{"userName": "nora@example.com"}', headers=bearer)
    assert made.status == 201
    refused = HTTP.request("GET", f"{url}/v1/infra/users", headers=bearer)
    assert (refused.status, refused.json()["message"]) == (403, "infra_token/insufficient_access")

    page.goto(f"{url}/console/automation")
    row = page.get_by_role("row", name=re.compile("identity provider"))
    assert "from 127.0.0.1" in row.inner_text()
    assert text not in page.content()
    page.goto(f"{url}/console/audit?subject={text[4:16]}")
    assert "user.created" in page.content()
    page.goto(f"{url}/console/automation")
    page.get_by_role("link", name="Delete identity provider").click()
    asked = page.get_by_role("dialog", name="Delete automation token “identity provider”?")
    assert "refused at once" in asked.inner_text()
    asked.get_by_role("button", name="Delete token").click()
    page.get_by_role("heading", name="No automation tokens yet").wait_for()
    assert "Deleted “identity provider”. It is refused from now on." in page.content()
    assert HTTP.request("GET", f"{url}/scim/v2/Users", headers=bearer).status == 401


def test_who_is_no_administrator_finds_no_such_page(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    for path in ("", "/new", "/1/delete"):
        answer = page.goto(f"{world.server.url}/console/automation{path}")
        assert answer is not None
        assert answer.status == 404


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_overflows(page: Page, world: World, theme: str, width: int) -> None:
    for label, access in (("a label that is rather long, as labels of programs are", "full"), ("idp", "scim")):
        world.site.admin(
            *("automation-token", "issue", "--administrator", "ana@example.com", "--label", label),
            *("--expires", "never", "--access", access, "--network", "2001:db8:1234:5678::/64"),
        )
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    sign_in(page, world.server.url, "ana@example.com")
    for path in ("", "/new"):
        page.goto(f"{world.server.url}/console/automation{path}")
        found = Axe().run(page).response["violations"]
        assert [(item["id"], item["nodes"][0]["html"]) for item in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
