"""The administrators' pages in a real browser: as administrator, as owner, and as one who must be refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World, make_world
from tests.support.servers import site


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A site of its own: these journeys delete accounts and set a policy."""
    with site(tmp_path_factory.mktemp("console"), "sqlite") as made:
        yield make_world(made)


def ana(page: Page, world: World, path: str = "/console") -> None:
    """Ana, the administrator, on a page of the console."""
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(world.server.url + path)


def told(page: Page, text: str) -> None:
    page.get_by_role("region", name="Messages").get_by_text(text).wait_for()


def row(page: Page, text: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("row", name=re.compile(text))


def test_an_administrator_finds_a_leaked_token_and_deletes_it(page: Page, world: World) -> None:
    """From the rail to the console, paste, look, delete with a reason; the pipeline is refused at once."""
    leaked = world.site.token("ben@example.com")
    kept = world.site.token("ben@example.com")
    assert world.server.collection(world.collection, leaked["token"]).status == 200
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    sign_in(page, world.server.url, "ana@example.com")
    page.get_by_role("link", name="Console").click()
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Tokens").click()
    box = page.get_by_role("searchbox", name="Search")
    box.fill(f"Authorization: Bearer {leaked['token']}")
    box.press("Enter")
    page.get_by_role("heading", name=leaked["label"]).wait_for()
    assert "ben@example.com" in page.locator("main").inner_text()
    assert leaked["token"] not in page.content()
    page.get_by_role("button", name="Delete token…").click()
    page.get_by_role("heading", name=f"Delete token “{leaked['label']}”?").wait_for()
    assert "Whatever uses it stops at once" in page.locator("main").inner_text()
    page.get_by_label("Reason").fill("x")
    page.get_by_role("button", name="Delete 1 token").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    assert "Say why" in page.get_by_role("alert").inner_text()
    page.get_by_label("Reason").fill("found in a public log")
    page.get_by_role("button", name="Delete 1 token").click()
    told(page, f"Deleted “{leaked['label']}” of Ben.")
    assert world.server.collection(world.collection, leaked["token"]).status == 401
    assert world.server.collection(world.collection, kept["token"]).status == 200
    page.goto(f"{world.server.url}/console/audit?event=token.deleted")
    assert "found in a public log" in row(page, leaked["label"]).inner_text()
    secret = leaked["token"].split("_")[2]
    assert not [url for url in seen if secret in url], "no token in any address"
    page.go_back()
    assert secret not in page.content()


def test_many_are_chosen_by_hand_and_by_the_filter(page: Page, world: World) -> None:
    world.site.user("mia@example.com")
    for _ in range(5):
        world.site.token("mia@example.com")
    ana(page, world, "/console/tokens")
    page.get_by_label("Owner").fill("mia@example.com")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="mia@example.com").wait_for()
    assert "owner=mia%40example.com" in page.url
    boxes = page.locator("input[name=id]")
    assert boxes.count() == 5
    chosen = page.get_by_role("button", name="Delete chosen…")
    assert chosen.is_disabled()
    boxes.nth(0).check()
    assert page.get_by_text("1 token chosen").is_visible()
    boxes.nth(2).click(modifiers=["Shift"])
    assert page.get_by_text("3 tokens chosen").is_visible()
    page.get_by_label("Choose all on this page").check()
    assert page.get_by_text("5 tokens chosen").is_visible()
    page.get_by_label("Choose all on this page").uncheck()
    boxes.nth(1).check()
    chosen.click()
    page.get_by_role("heading", name=re.compile("Delete token “")).wait_for()
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url("**/console/tokens?owner=mia%40example.com")
    page.get_by_role("button", name="Delete all that match…").click()
    page.get_by_role("heading", name="Delete 5 tokens of 1 person?").wait_for()
    late = world.site.token("mia@example.com")
    page.get_by_label("Reason").fill("contract ended")
    page.get_by_role("button", name="Delete 5 tokens").click()
    told(page, "Deleted 5 tokens.")
    assert page.locator("input[name=id]").count() == 1, "what was made after the preview is not touched"
    assert late["label"] in page.locator("table").inner_text()
    page.get_by_role("link", name=re.compile("Owner mia@example.com")).click()
    page.wait_for_url("**/console/tokens?")
    assert page.locator(".chip").count() == 0


def test_lists_are_ordered_paged_and_saved(page: Page, world: World) -> None:
    world.site.token("ben@example.com", expires="never")
    world.site.token("ben@example.com", expires="7")
    ana(page, world, "/console/tokens?owner=ben@example.com")
    page.get_by_role("columnheader", name="Expires").get_by_role("link").click()
    head = page.get_by_role("columnheader", name="Expires")
    assert head.get_attribute("aria-sort") == "ascending"
    assert "in 7 days" in page.get_by_role("row").nth(1).inner_text()
    head.get_by_role("link").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert "never" in page.get_by_role("row").nth(1).inner_text()
    for kind in ("CSV, for a spreadsheet", "JSON, for a program"):
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        text = Path(download.value.path()).read_text("utf-8")
        found = list(csv.DictReader(text.splitlines())) if kind.startswith("CSV") else json.loads(text)
        assert len(found) == page.locator("input[name=id]").count()
        page.keyboard.press("Escape")


def test_an_invited_person_comes_in_and_is_put_out_again(page: Page, world: World, browser: Browser) -> None:
    """Invite, accept, make administrator, unmake, sign out, deactivate, reactivate, delete."""
    ana(page, world, "/console/users")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("E-mail").fill("nora@example.com")
    page.get_by_role("button", name="Create invitation link").click()
    link = page.locator("#invite-link").inner_text()
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.goto(f"{world.server.url}/console/users")
    assert link.rsplit("/", 1)[1] not in page.content(), "shown once"
    assert page.get_by_role("cell", name="nora@example.com", exact=True).is_visible()

    guest = browser.new_context().new_page()
    guest.goto(link)
    guest.get_by_label("Name").fill("Nora")
    guest.get_by_label("Password").fill("correct-horse-battery")
    guest.get_by_role("button", name="Create account").click()
    guest.wait_for_load_state()
    assert guest.goto(f"{world.server.url}/console").status == 404  # type: ignore[union-attr]
    token = world.site.token("nora@example.com")

    page.get_by_role("searchbox").fill("nora")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="Nora", exact=True).click()
    page.get_by_role("link", name="Make administrator…").click()
    page.get_by_role("button", name="Make administrator").click()
    told(page, "Nora is an administrator now.")
    assert guest.goto(f"{world.server.url}/console").status == 200  # type: ignore[union-attr]
    page.get_by_role("link", name="Remove as administrator…").click()
    page.get_by_role("button", name="Remove as administrator").click()
    told(page, "Nora is no administrator any more.")
    assert guest.reload().status == 404  # type: ignore[union-attr]
    page.get_by_role("link", name="Deactivate…").click()
    assert "1 token that has not expired will be refused at once" in page.locator("main").inner_text()
    page.get_by_role("button", name="Deactivate").click()
    told(page, "Deactivated Nora: sessions ended, tokens refused.")
    guest.goto(f"{world.server.url}/profile")
    assert "/sign-in" in guest.url
    assert world.server.collection(world.collection, token["token"]).status == 401
    page.get_by_role("link", name="Reactivate…").click()
    page.get_by_role("button", name="Reactivate").click()
    told(page, "Reactivated Nora.")
    sign_in(guest, world.server.url, "nora@example.com")
    assert "/sign-in" not in guest.url
    page.get_by_role("link", name="Sign out everywhere…").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    told(page, "Signed Nora out everywhere.")
    guest.goto(f"{world.server.url}/profile")
    assert "/sign-in" in guest.url
    page.get_by_role("link", name="Delete account…").click()
    page.get_by_role("button", name="Delete account").click()
    told(page, "Deleted Nora.")
    guest.context.close()


def test_the_only_owner_of_a_team_goes_when_somebody_has_taken_over(page: Page, world: World) -> None:
    world.site.user("omar@example.com")
    team = world.site.team("Billing", "omar@example.com")
    world.site.admin("team", "add-member", "--team", team, "--email", "ben@example.com", "--role", "viewer")
    ana(page, world, "/console/users?text=omar")
    page.get_by_role("link", name="Omar", exact=True).click()
    assert page.get_by_text("only owner", exact=True).is_visible()
    page.get_by_role("link", name="Delete account…").click()
    page.get_by_text("Omar is the only owner of this team.").wait_for()
    page.get_by_label("Billing").select_option(label="Hand over to Ben (ben@example.com)")
    page.get_by_role("button", name="Delete account").click()
    told(page, "Deleted Omar.")
    roles = world.site.sql(
        f"SELECT u.email, m.role FROM hopkey_membership m JOIN hopkey_user u ON u.id = m.user_id "
        f"WHERE m.workspace_id = '{team}'"
    )
    assert [tuple(item) for item in roles] == [("ben@example.com", "OWNER")]


def test_the_last_administrator_is_told_why_not(page: Page, world: World) -> None:
    ana(page, world, "/console/users?text=ana@")
    page.get_by_role("link", name="Ana", exact=True).click()
    for act in ("Deactivate…", "Remove as administrator…", "Delete account…"):
        page.get_by_role("link", name=act).click()
        page.get_by_text("Ana is the last administrator of this server: make somebody else one first.").wait_for()
        assert page.get_by_role("button", name=act.rstrip("…")).count() == 0
        page.get_by_role("link", name="Back").click()


def test_a_policy_is_tried_saved_and_taken_back(page: Page, world: World) -> None:
    token = world.site.token("ben@example.com", expires="never")
    ana(page, world, "/console/policy")
    page.get_by_label("Longest lifetime, in days").fill("soon")
    page.get_by_role("button", name="See what it would stop").click()
    expect(page.get_by_label("Longest lifetime, in days")).to_be_focused()
    assert page.get_by_label("Longest lifetime, in days").input_value() == "soon"
    page.get_by_label("Longest lifetime, in days").fill("60")
    page.get_by_role("button", name="See what it would stop").click()
    page.get_by_role("heading", name=re.compile(r"It would stop \d+ of \d+ live tokens")).wait_for()
    assert "Never expires" in row(page, token["label"]).inner_text()
    assert world.server.collection(world.collection, token["token"]).status == 200, "nothing is in force yet"
    page.get_by_role("button", name="Change it").click()
    assert page.get_by_label("Longest lifetime, in days").input_value() == "60"
    page.get_by_role("button", name="See what it would stop").click()
    page.get_by_role("button", name=re.compile("Save, and stop")).click()
    told(page, "Saved.")
    assert world.server.collection(world.collection, token["token"]).status == 401
    page.goto(f"{world.server.url}/console/tokens?state=over_policy")
    assert "Stopped by policy Never expires" in " ".join(row(page, token["label"]).inner_text().split())
    page.goto(f"{world.server.url}/console/policy")
    page.get_by_label("Longest lifetime, in days").fill("")
    page.get_by_role("button", name="See what it would stop").click()
    page.get_by_text(re.compile("would work again")).wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Saved.")
    assert world.server.collection(world.collection, token["token"]).status == 200


def test_the_audit_trail_is_searched_and_verified(page: Page, world: World) -> None:
    token = world.site.token("ben@example.com")
    ana(page, world, "/console/audit")
    page.get_by_role("searchbox").fill(token["token"])
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(f"**/console/audit?subject={token['token'][4:16]}")
    assert "token.generated" in row(page, token["label"]).inner_text()
    page.get_by_label("Event", exact=True).select_option("token.deleted")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("No event matches").wait_for()
    page.get_by_role("button", name="Verify").click()
    page.get_by_role("heading", name="The audit trail is whole").wait_for()
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", page.locator("#head").inner_text())
    page.get_by_role("link", name="Back to the events").click()


def test_the_overview_counts_again_and_leads_on(page: Page, world: World) -> None:
    ana(page, world)
    page.get_by_role("button", name="Count again").click()
    told(page, "Counted anew.")
    number = int(page.locator(".tile", has_text="Live tokens").locator(".tile-value").inner_text())
    page.get_by_role("link", name="Live tokens").click()
    page.wait_for_url("**/console/tokens?state=live")
    assert page.locator("input[name=id]").count() == min(number, 25)
    page.go_back()
    page.get_by_text("The figures as a table").click()
    assert page.get_by_role("table", name="Figures of the last 30 days").get_by_role("row").count() == 31


def test_owners_and_strangers_see_no_console(page: Page, world: World) -> None:
    """Ben owns tokens, Eve is in no team: neither learns that there is a console."""
    for email in ("ben@example.com", "eve@example.com"):
        page.context.clear_cookies()
        sign_in(page, world.server.url, email)
        assert page.get_by_role("link", name="Console").count() == 0
        for path in ("", "/tokens", "/tokens/1", "/users", "/policy", "/audit", "/tokens/export", "/audit/export"):
            answer = page.goto(f"{world.server.url}/console{path}")
            assert answer is not None
            assert answer.status == 404
            assert "ana@example.com" not in page.content()
            assert page.get_by_role("heading", name="Not found").is_visible()
    page.context.clear_cookies()
    page.goto(f"{world.server.url}/console/tokens")
    assert "/sign-in?next=%2Fconsole%2Ftokens" in page.url


def test_the_console_works_without_javascript(browser: Browser, world: World) -> None:
    token = world.site.token("ben@example.com")
    page = browser.new_context(java_script_enabled=False).new_page()
    ana(page, world, "/console/tokens")
    page.get_by_role("searchbox").fill(token["label"])
    page.get_by_label("State").select_option("live")
    page.get_by_role("button", name="Apply").click()
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Delete chosen…").click()
    page.get_by_label("Reason").fill("no script")
    page.get_by_role("button", name="Delete 1 token").click()
    assert page.get_by_text(f"Deleted “{token['label']}”").is_visible()
    assert page.get_by_text("No token matches").is_visible()
    page.context.close()


PAGES = [
    "/console",
    "/console/tokens",
    "/console/tokens?state=live&owner=ben@example.com",
    "/console/tokens?text=nothing-like-it",
    "/console/tokens?state=odd",
    "/console/tokens/{token}",
    "/console/users",
    "/console/users?text=nobody-like-that",
    "/console/users/{user}",
    "/console/users/{user}/deactivate",
    "/console/users/{user}/delete",
    "/console/policy",
    "/console/audit",
    "/console/audit?event=token&actor=ana@example.com",
]
POSTED = {
    "/console/tokens?owner=ben@example.com": "Delete all that match…",
    "/console/policy": "See what it would stop",
    "/console/audit": "Verify",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(page: Page, world: World, theme: str) -> None:
    """Every page of the console, both themes, from a phone to a wide screen."""
    script = Axe()
    world.site.token("ben@example.com", "--team", world.team, expires="never")
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    ana(page, world, "/console/users?text=ana@")
    user = page.get_by_role("link", name="Ana", exact=True).get_attribute("href")
    page.goto(f"{world.server.url}/console/tokens")
    token = page.locator("td a.strong").first.get_attribute("href")
    assert user
    assert token
    found = {}

    def look(path: str, width: int) -> None:
        found[f"{path} {width}"] = script.run(page).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)

    names = {"user": user.rsplit("/", 1)[1], "token": token.rsplit("/", 1)[1]}
    for width in (1280, 1024, 360):
        page.set_viewport_size({"width": width, "height": 800})
        for path in PAGES:
            page.goto(world.server.url + path.format(**names))
            if width != 1024:
                look(path, width)
            else:
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for path, button in POSTED.items():
            page.goto(world.server.url + path)
            page.get_by_role("button", name=button).click()
            page.wait_for_load_state()
            look(f"{path} {button}", width)
    problems = {
        where: [(item["id"], item["nodes"][0]["html"][:200]) for item in items]
        for where, items in found.items()
        if items
    }
    assert problems == {}


def test_nothing_moves_once_it_is_painted(page: Page, world: World) -> None:
    ana(page, world, "/console/tokens")
    moved = page.evaluate(
        "new Promise(done => { let sum = 0; new PerformanceObserver(list => { for (const item of list.getEntries())"
        " sum += item.value; }).observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 500); })"
    )
    assert moved == 0
